-- expect: ok|error|memory
local s = setmetatable({}, { __concat = function(a, b) return a .. b end })
pcall(function() return s .. s end)
