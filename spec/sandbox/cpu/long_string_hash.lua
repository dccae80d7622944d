-- expect: instructions|memory
local t = {}
while true do t[("x"):rep(1000000)] = 1 end
