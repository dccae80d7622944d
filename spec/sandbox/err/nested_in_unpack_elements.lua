-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__index = function() return table.unpack(setmetatable({}, mt), 1, 2) end
return (pcall(table.unpack, setmetatable({}, mt), 1, 2))
