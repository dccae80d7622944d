-- expect: ok
-- Too deep is an error, whatever calls.
local co
for i = 1, 2000 do
  local c = co
  co = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function() if c then coroutine.close(c) end end })
    coroutine.yield()
  end)
  coroutine.resume(co)
end
return not coroutine.close(co)
