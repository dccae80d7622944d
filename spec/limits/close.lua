-- Closing variables of every sort, while errors pass.
local function closer(name, fails)
  return setmetatable({}, { __close = function(_, e)
    print("close", name, e)
    for i = 1, 10 do local _ = i end
    if fails then error(name, 0) end
  end })
end
local function work(n)
  local a <close> = closer("a" .. n, n == 2)
  local b <close> = closer("b" .. n, true)
  if n > 0 then return work(n - 1) or n end
  error { n }
end
print(pcall(work, 2))
print(xpcall(work, function(e) print "handler" return tostring(e ~= nil) end, 1))
for _ = 1, 2 do
  local c <close> = closer "loop"
end
for k in next, { "x" }, nil, closer "for" do print(k) end
local co = coroutine.wrap(function()
  local d <close> = closer("co", true)
  coroutine.yield(1)
  error "never"
end)
print(co())
print(pcall(co))
local co2 = coroutine.create(function() local e <close> = closer("closed", true) coroutine.yield() end)
coroutine.resume(co2)
print(coroutine.close(co2))
print(coroutine.resume(co2))
print(coroutine.resume(coroutine.running()))
