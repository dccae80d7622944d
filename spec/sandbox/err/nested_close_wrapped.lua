-- expect: ok|error|instructions|memory
local f
for i = 1, 20000 do
  local inner = f
  f = coroutine.wrap(function()
    local x <close> = setmetatable({}, { __close = function() if inner then inner() end end })
    error("x")
  end)
end
pcall(f)
