-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local mt = {}
mt.__len = function() table.insert(setmetatable({}, mt), 1) return 0 end
return (pcall(table.insert, setmetatable({}, mt), 1))
