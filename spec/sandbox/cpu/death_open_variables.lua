-- expect: instructions
-- Nothing of the script runs after its end.
local a1, a2, a3, a4, a5 = 1, 2, 3, 4, 5
while true do local f = function() return a1 + a2 + a3 + a4 + a5 end end
