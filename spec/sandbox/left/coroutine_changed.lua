-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = type(coroutine.wrap)
coroutine.wrap, coroutine.running = nil, nil
return was
