-- expect: ok
-- Too deep is an error, whatever calls.
local function f(n) local x <close> = setmetatable({}, { __close = function() f(n + 1) end }) end
return (pcall(f, 1))
