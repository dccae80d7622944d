-- expect: error outside a coroutine
local x <close> = setmetatable({}, { __close = function() coroutine.yield("out") end })
return 1
