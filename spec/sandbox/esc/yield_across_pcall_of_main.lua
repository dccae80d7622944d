-- expect: ok
-- result: [false,"attempt to yield from outside a coroutine"]
local ok, why = pcall(function() return coroutine.yield(1) end)
return { ok, why }
