-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__unm = function(a) return -a end
return (pcall(mt.__unm, setmetatable({}, mt)))
