-- Crashed stock 5.4.4 in a moment.
-- expect: ok|error|instructions|memory
local co
for i = 1, 20000 do
  local inner = co
  co = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function() if inner then coroutine.close(inner) end end })
    coroutine.yield()
  end)
  coroutine.resume(co)
end
coroutine.close(co)
