-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__add = function(a, b) return b + a end
return (pcall(mt.__add, setmetatable({}, mt), 1))
