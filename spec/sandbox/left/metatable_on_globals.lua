-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = tostring(getmetatable(_G))
setmetatable(_G, { __index = function(_, k) return k end, __newindex = function() end })
return was
