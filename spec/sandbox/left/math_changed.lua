-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = tostring(math.pi == 3)
math.pi, math.floor, math.random = 3, nil, function() return 4 end
return was
