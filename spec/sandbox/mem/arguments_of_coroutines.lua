-- expect: memory
-- options: --memory 8388608
-- Each of them holds a thousand values.
local t = {}
for i = 1, 1e6 do
  t[i] = coroutine.wrap(function(...) coroutine.yield() return ... end)
  t[i](table.unpack({}, 1, 1000))
end
