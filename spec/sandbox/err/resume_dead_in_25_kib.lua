-- expect: memory|ok
-- options: --memory 25600
-- A refused resume in little room.
local dead = coroutine.create(function() end)
coroutine.resume(dead)
local keep = {}
for i = 1, 400 do keep[i] = { coroutine.resume(dead) } end
return #keep
