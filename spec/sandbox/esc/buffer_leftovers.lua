-- expect: ok
-- result: true
-- what a buffer held before is not in what it holds next
local secret = ("S"):rep(5000)
for i = 1, 50 do
  local _ = secret .. i, secret:upper(), secret:reverse()
  local s = string.pack("c4000", "a") .. ("%99s"):format("b") .. string.char(table.unpack({ 1, 2, 3 }))
  if s:find("S", 1, true) then return i end
end
return true
