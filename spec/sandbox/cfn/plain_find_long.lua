-- expect: instructions
local s = ("a"):rep(8000000)
while true do s:find("b", 1, true) end
