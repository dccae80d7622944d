-- expect: ok
-- result: 832040
local memo = setmetatable({}, { __mode = "k" })
local function fib(n)
  if n < 2 then return n end
  if not memo[n] then memo[n] = fib(n - 1) + fib(n - 2) end
  return memo[n]
end
return fib(30)
