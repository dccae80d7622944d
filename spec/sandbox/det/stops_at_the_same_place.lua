-- expect: instructions
-- same: true
local t = {}
for i = 1, math.huge do t[i % 1000] = ("x"):rep(i % 100); t["k" .. i % 777] = { i } end
