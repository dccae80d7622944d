-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__len = function() return #setmetatable({}, mt) end
return (pcall(mt.__len))
