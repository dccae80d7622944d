-- expect: instructions
-- Nothing of the script runs after its end.
pcall(table.move, { 1, 2 }, 1, 2, 1, setmetatable({}, { __newindex = function() while true do end end }))
return 'alive'
