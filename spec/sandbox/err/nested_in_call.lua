-- expect: ok
-- Too deep is an error, whatever calls.
local t = setmetatable({}, {})
getmetatable(t).__call = function(s, n) return s(n + 1) + 1 end
return (pcall(t, 1))
