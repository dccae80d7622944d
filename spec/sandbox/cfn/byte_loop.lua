-- expect: instructions|error
local s = ("a"):rep(200000)
while true do s:byte(1, 100000) end
