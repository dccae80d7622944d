-- expect: ok
-- result: true
-- padding is zero, not what lay in memory
local s = string.pack("!8 i1 xxx Xi8 i8 c9", 1, 2, "ab")
for i = 2, #s do
  local c = s:byte(i)
  if c ~= 0 and c ~= 2 and c ~= 97 and c ~= 98 then return i end
end
return true
