-- expect: instructions
-- Nothing of the script runs after its end.
local mt = { __lt = function() while true do end end }
pcall(table.sort, { setmetatable({}, mt), setmetatable({}, mt) })
return 'alive'
