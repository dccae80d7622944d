-- expect: error
-- An error passes all coroutines on its way.
local function nest(n)
  if n == 0 then error "bottom" end
  return coroutine.wrap(nest)(n - 1)
end
nest(150)
