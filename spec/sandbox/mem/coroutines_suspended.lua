-- expect: memory
local t = {}
while true do
  local co = coroutine.create(function(...) local a, b, c = ...; coroutine.yield() return a end)
  coroutine.resume(co, 1, 2, 3)
  t[#t + 1] = co
end
