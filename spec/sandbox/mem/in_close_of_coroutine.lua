-- expect: memory
-- options: --memory 8388608
-- While another coroutine is closed.
local mt = { __close = function() local t = {} while true do t = { t } end end }
local co = coroutine.create(function() local x <close> = setmetatable({}, mt) coroutine.yield() end)
coroutine.resume(co)
coroutine.close(co)
return "alive"
