-- expect: instructions|memory
local s = ("a"):rep(8000000)
while true do s:sub(2) end
