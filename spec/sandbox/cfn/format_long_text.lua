-- expect: instructions|memory
local s = ("x"):rep(4000000)
while true do string.format(s) end
