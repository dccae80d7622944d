-- expect: ok
-- options: --runs 3
-- what one run does here is nothing to the next: all three say the same
local was = tostring({})
for i = 1, 500 do
  local co = coroutine.create(function() local x <close> = setmetatable({}, { __close = function() while true do end end }) coroutine.yield() end)
  coroutine.resume(co)
end
return was
