-- expect: ok
-- Too deep is an error, whatever calls.
local function f(n) local ok, e = coroutine.resume(coroutine.create(f), n + 1) return ok and e end
return f(1) or false
