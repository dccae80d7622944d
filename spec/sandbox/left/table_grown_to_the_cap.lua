-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local t = {}
local was = tostring(t)
for i = 1, 200000 do t[i] = i end
return was
