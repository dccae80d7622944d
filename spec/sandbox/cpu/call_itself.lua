-- A table that is its own __call ran for minutes inside one instruction.
-- expect: error chain too long
local t = {}
setmetatable(t, { __call = t })
return t()
