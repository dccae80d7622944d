-- expect: instructions
local s = ("a"):rep(100000)
while true do s:gsub("a", "%0%0") end
