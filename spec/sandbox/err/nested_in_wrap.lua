-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local function f(n) return coroutine.wrap(f)(n + 1) end
return (pcall(f, 1))
