-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__index = function(_, k) return setmetatable({}, mt)[k] end
return (pcall(function() return setmetatable({}, mt).x end))
