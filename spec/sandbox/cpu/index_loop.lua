-- expect: error chain too long
local a = {}
setmetatable(a, { __index = a })
getmetatable(a).__index = setmetatable({}, getmetatable(a))
return a.x
