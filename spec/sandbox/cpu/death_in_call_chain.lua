-- expect: instructions
-- Nothing of the script runs after its end.
local t = setmetatable({}, { __call = setmetatable({}, { __call = function() while true do end end }) })
pcall(t)
return 'alive'
