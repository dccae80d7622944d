-- expect: instructions
local p = ("a"):rep(4000000)
while true do ("a"):find(p) end
