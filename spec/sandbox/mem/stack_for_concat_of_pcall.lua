-- expect: memory|error
-- The same through nested protected calls.
local hold = {}
for i = 1, 29 do hold[i] = ('x'):rep(1 << 20) .. i end
local function f(...) return pcall(f, 1, 2, 3, 4, 5, 6, 7, 8, ...) end
return (f())
