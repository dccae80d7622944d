-- expect: instructions
local a, b = 1.7e308, 3e-300
while true do local x = a % b; x = math.fmod(a, b) end
