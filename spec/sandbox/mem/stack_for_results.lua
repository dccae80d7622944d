-- expect: memory|error
-- The same for what comes back.
local hold = {}
for i = 1, 27 do hold[i] = ('x'):rep(1 << 20) .. i end
local co = coroutine.wrap(function() return table.unpack({}, 1, 100000) end)
return select('#', co())
