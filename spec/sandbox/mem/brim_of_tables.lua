-- expect: memory|instructions
-- A heap that is nearly full, and garbage.
local hold = {}
for i = 1, 31 do hold[i] = ('x'):rep(1 << 20) .. i end
local k = 0
while true do k = k + 1 local t = { k } end
