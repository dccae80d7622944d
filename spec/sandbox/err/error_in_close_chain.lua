-- expect: error last
local function closer(text) return setmetatable({}, { __close = function() error(text, 0) end }) end
local a <close> = closer("last")
local b <close> = closer("first")
error("start", 0)
