-- expect: instructions
-- Nothing of the script runs after its end.
local mt = { __close = function() local y <close> = setmetatable({}, { __close = function() while true do end end }) error 'x' end }
pcall(function() local x <close> = setmetatable({}, mt) end)
return 'alive'
