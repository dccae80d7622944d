-- expect: error closed
-- options: --runs 3
local x <close> = setmetatable({}, { __close = function() table.insert = nil error("closed", 0) end })
