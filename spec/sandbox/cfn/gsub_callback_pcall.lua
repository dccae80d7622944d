-- expect: instructions
local s = ("a"):rep(1000)
while true do s:gsub(".", pcall) end
