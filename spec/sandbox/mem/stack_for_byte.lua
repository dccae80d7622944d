-- expect: memory
-- The same through string.byte.
local hold = {}
for i = 1, 30 do hold[i] = ('x'):rep(1 << 20) .. i end
pcall(string.byte, hold[1], 1, 200000)
return 'alive'
