-- expect: instructions|memory
local s = ("\1"):rep(1000000)
while true do string.format("%q", s) end
