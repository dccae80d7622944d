-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__newindex = function(_, k, v) setmetatable({}, mt)[k] = v end
return (pcall(function() setmetatable({}, mt).x = 1 end))
