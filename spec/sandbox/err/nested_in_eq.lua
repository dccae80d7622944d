-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__eq = function() return setmetatable({}, mt) == setmetatable({}, mt) end
return (pcall(mt.__eq))
