-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = tostring(getmetatable(string)) .. tostring(getmetatable(table))
setmetatable(string, { __index = function() return print end, __metatable = "mine" })
setmetatable(table, { __metatable = 1 })
return was
