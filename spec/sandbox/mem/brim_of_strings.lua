-- expect: memory|instructions
-- A heap that is nearly full, and garbage.
local hold = {}
for i = 1, 31 do hold[i] = ('x'):rep(1 << 20) .. i end
while true do pcall(string.rep, 'x', 1 << 19) end
