-- expect: instructions
-- Nothing of the script runs after its end.
local x = setmetatable({}, { __close = function() print 'ghost' end })
for _ in function() while true do end end, nil, nil, x do end
return 'alive'
