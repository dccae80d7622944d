-- expect: memory
-- The same on the stack of another coroutine.
local hold = {}
for i = 1, 27 do hold[i] = ('x'):rep(1 << 20) .. i end
coroutine.resume(coroutine.create(function(...) return ... end), table.unpack({}, 1, 100000))
return 'alive'
