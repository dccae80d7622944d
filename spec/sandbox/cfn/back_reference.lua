-- expect: instructions
local s = ("a"):rep(5000)
while true do s:find("(.*)%1b") end
