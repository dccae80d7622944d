-- expect: instructions
while true do math.random(math.mininteger, math.maxinteger) end
