-- expect: instructions
-- Nothing of the script runs after its end.
pcall(error, setmetatable({}, { __concat = function() while true do end end }) .. 'x')
return 'alive'
