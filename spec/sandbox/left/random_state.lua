-- options: --runs 3
-- expect: ok
-- same: true
local x = {}
for i = 1, 10 do x[i] = math.random(1000000) end
return x
