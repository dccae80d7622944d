-- expect: error outside a coroutine
-- the body's closing variables run when nobody stands behind the thread any more
local x <close> = setmetatable({}, { __close = function() coroutine.yield("out") end })
error("first")
