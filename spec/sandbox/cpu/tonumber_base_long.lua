-- expect: instructions
local s = ("1"):rep(4000000)
while true do tonumber(s, 10) end
