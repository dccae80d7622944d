-- expect: ok
-- options: --runs 3
local t = {}
for i = 1, 20 do t[i] = math.random() end
return t
