-- expect: ok
-- result: 5050
local function producer() return coroutine.create(function() for i = 1, 100 do coroutine.yield(i) end end) end
local p, sum = producer(), 0
while true do
  local ok, v = coroutine.resume(p)
  if not v then break end
  sum = sum + v
end
return sum
