-- expect: ok
-- options: --runs 3
local t = {}
for _, seed in ipairs { 0, -1, 1.0, 2^40, 123456789 } do math.randomseed(seed) t[#t + 1] = math.random(1 << 30) end
return t
