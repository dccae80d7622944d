-- expect: error chain too long
local t = {}
setmetatable(t, { __call = t })
local function f(...) return t(...) end
return f(table.unpack({}, 1, 200))
