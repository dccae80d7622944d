-- expect: error protected
local t = setmetatable({}, { __metatable = "no" })
setmetatable(t, nil)
