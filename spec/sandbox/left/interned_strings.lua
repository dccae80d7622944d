-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local t = {}
for i = 1, 20000 do t[i] = "some string " .. i end
local was = tostring({})
return was
