-- expect: ok
-- result: true
local function nest(n)
  local ok, why = coroutine.resume(coroutine.create(nest), n + 1)
  if not ok then error(why, 0) end
end
local ok, why = pcall(nest, 1)
return not ok and why:find("C stack overflow") ~= nil
