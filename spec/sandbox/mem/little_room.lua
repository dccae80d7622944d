-- expect: memory
-- options: --memory 30000
local t = {}
for i = 1, 10000 do t[i] = i end
