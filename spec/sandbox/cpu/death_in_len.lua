-- expect: instructions
-- Nothing of the script runs after its end.
pcall(table.unpack, setmetatable({}, { __len = function() while true do end end }))
return 'alive'
