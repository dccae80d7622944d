-- expect: memory|instructions
-- A heap that is nearly full, and garbage.
local hold = {}
for i = 1, 30 do hold[i] = ('x'):rep(1 << 20) .. i end
while true do coroutine.wrap(function() end)() end
