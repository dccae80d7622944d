-- expect: ok
-- result: false
local ok = xpcall(error, coroutine.running)
return ok
