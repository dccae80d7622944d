-- expect: ok
-- Too deep is an error, whatever calls.
local function f(n) return xpcall(f, f, n) end
local ok = f(1)
return ok
