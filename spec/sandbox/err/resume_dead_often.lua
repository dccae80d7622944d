-- expect: memory
-- options: --memory 300000
-- Text of a refused resume where memory is nearly used up.
local dead = coroutine.create(function() end)
coroutine.resume(dead)
local keep = {}
for i = 1, 1e7 do
  keep[i] = { select(2, coroutine.resume(dead)), select(2, coroutine.resume(coroutine.running())) }
end
