-- expect: memory|instructions
-- A heap that is nearly full, and errors.
local hold = {}
for i = 1, 31 do hold[i] = ('x'):rep(1 << 20) .. i end
while true do pcall(error, { hold }) pcall(hold) end
