-- expect: error __gc
setmetatable({}, { __gc = function() end })
