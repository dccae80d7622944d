-- expect: error close
local main = coroutine.running()
local x <close> = setmetatable({}, { __close = function() coroutine.close(main) end })
error("first")
