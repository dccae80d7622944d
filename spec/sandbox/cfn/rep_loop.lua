-- expect: instructions
while true do string.rep("ab", 1000000) end
