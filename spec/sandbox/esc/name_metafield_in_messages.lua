-- expect: error attempt to perform arithmetic on a .* value
local t = setmetatable({}, { __name = "\27[2J\r\nok" })
return t + 1
