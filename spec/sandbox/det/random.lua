-- expect: ok
-- same: true
local x = {}
for i = 1, 20 do x[i] = math.random(1, 1000000) end
x[21] = math.random()
return x
