-- expect: memory
-- same: true
local t = {}
for i = 1, math.huge do t["k" .. i] = { i, ("x"):rep(i % 100) } end
