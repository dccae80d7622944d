-- Recursive errors wrote beyond the stack in stock 5.4.4.
-- expect: error|ok
local function f() return xpcall(f, f) end
f()
