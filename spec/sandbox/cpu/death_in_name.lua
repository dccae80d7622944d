-- expect: instructions
-- Nothing of the script runs after its end.
print(pcall(tostring, setmetatable({}, { __tostring = function() while true do end end })))
return 'alive'
