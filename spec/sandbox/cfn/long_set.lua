-- expect: instructions
local set = "[" .. ("a"):rep(100000) .. "b]"
while true do string.find(("c"):rep(1000), set) end
