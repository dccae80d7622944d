-- Coroutines in coroutines, ending in every way.
local function nest(n)
  if n == 0 then coroutine.yield "deep" error "bottom" end
  local co = coroutine.create(nest)
  local ok, v = coroutine.resume(co, n - 1)
  coroutine.yield(v)
  local again, e = coroutine.resume(co)
  if n % 2 == 0 then error(e, 0) end
  return e
end
local top = coroutine.create(nest)
print(coroutine.resume(top, 8))
print(coroutine.resume(top))
print(coroutine.resume(top))
print(coroutine.status(top), coroutine.close(top))
local gen = coroutine.wrap(function(...)
  for i = 1, select("#", ...) do coroutine.yield((select(i, ...))) end
end)
for v in gen, 1, 2 do print(v) break end
local t = {}
for i = 1, 20 do t[i] = coroutine.wrap(function(a) while true do a = coroutine.yield(a + i) end end) end
local sum = 0
for _ = 1, 3 do for i = 1, 20 do sum = sum + t[i](i) end end
print(sum)
local dead = coroutine.create(function() end)
for _ = 1, 10 do print(coroutine.resume(dead)) end
print(pcall(coroutine.wrap(function() local _ = nil + 1 end)))
print(select("#", coroutine.resume(coroutine.create(function(...) return ... end), table.unpack({}, 1, 100))))
