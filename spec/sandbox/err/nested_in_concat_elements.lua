-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__index = function() return table.concat(setmetatable({}, mt), ',', 1, 2) end
return (pcall(table.concat, setmetatable({}, mt), ',', 1, 2))
