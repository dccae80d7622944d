-- expect: instructions
-- Nothing of the script runs after its end.
pcall(table.unpack, setmetatable({}, { __index = function() while true do end end }), 1, 2)
return 'alive'
