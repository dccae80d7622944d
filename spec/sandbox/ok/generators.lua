-- expect: ok
-- result: [1,1,2,3,5,8,13]
local function fib()
  local a, b = 1, 1
  while true do coroutine.yield(a); a, b = b, a + b end
end
local out, next_one = {}, coroutine.wrap(fib)
for i = 1, 7 do out[i] = next_one() end
return out
