-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end
local was = f(20000)
return was
