-- expect: memory
-- options: --runs 3 --memory 4194304
local t = {}
for i = 1, math.huge do t[i] = { tostring(i) } end
