-- expect: ok
-- result: false
local co, main = coroutine.running()
return main
