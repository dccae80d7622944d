-- expect: ok
-- options: --runs 3
-- no clock and no address in it
local a, b = math.randomseed()
return { a or 0, b or 0, math.random(1 << 50) }
