-- expect: instructions
-- Each closure searches the open upvalues above the one that it wants.
local function many(first)
  for i = 1, 200 do local f = function() return first end end
end
local function deep(n, first)
  local v = n
  local f = function() return v end
  if n == 0 then many(first) else deep(n - 1, first); v = n end
end
while true do deep(5000, 1) end
