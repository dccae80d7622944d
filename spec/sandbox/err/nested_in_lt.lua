-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__lt = function(a, b) return b < a end
local a, b = setmetatable({}, mt), setmetatable({}, mt)
return (pcall(function() return a < b end))
