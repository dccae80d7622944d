-- expect: error cannot iterate
local t = setmetatable({}, { __pairs = function() return next, { [{}] = 1 } end })
for k in pairs(t) do end
