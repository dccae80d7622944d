-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was
local _, r = xpcall(function() error("e", 0) end, function(m) return m .. "!" end)
was = r
return was
