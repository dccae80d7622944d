-- expect: ok
-- result: false
local t = setmetatable({}, {})
getmetatable(t).__index = function(_, k) return t[k .. "x"] end
return (pcall(function() return t.a end))
