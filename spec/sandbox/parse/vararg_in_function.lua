-- expect: error outside a vararg
local function f() return ... end
