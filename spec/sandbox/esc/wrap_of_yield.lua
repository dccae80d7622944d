-- expect: ok
-- result: [1,2]
local f = coroutine.wrap(coroutine.yield)
return { f(1), f(2) }
