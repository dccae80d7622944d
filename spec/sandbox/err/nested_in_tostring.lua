-- expect: ok
-- result: false
-- Too deep is an error, whatever calls.
local function mk(n) return setmetatable({}, { __tostring = function() return tostring(mk(n + 1)) end }) end
return (pcall(tostring, mk(1)))
