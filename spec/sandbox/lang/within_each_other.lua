-- expect: ok
-- What it gives, and counts, is the same when it is left standing everywhere.
-- coroutines of coroutines with closes, pcall, sort, gsub: everything within everything
local log = {}
local function L(...) local t = {...} for i = 1, select("#", ...) do t[i] = tostring(t[i]):gsub("0x%x+", "") end log[#log+1] = table.concat(t, ",") end
local function nest(n, f) if n == 0 then return f() end local co = coroutine.wrap(function() return nest(n - 1, f) end) return co() end
local function work()
  local t = {} for i = 1, 20 do t[i] = (i * 7919) % 31 end
  table.sort(t, function(a, b) return (tostring(a):gsub("%d", function(d) return d end) + 0) < b end)
  return table.concat(t, " ")
end
L(work()) L(nest(5, work)) L(pcall(nest, 12, work)) L(pcall(nest, 3, function() error("deep", 0) end))
L(pcall(nest, 3, function() error({1}) end))
local function closing(tag, fail)
  return setmetatable({}, {__close = function(_, e) L(tag, e) local t = {3, 1, 2} table.sort(t, function(a, b) return a < b end) if fail then error(tag .. "!", 0) end end})
end
for i = 1, 6 do
  local co = coroutine.create(function()
    local a <close> = closing("a" .. i)
    local b <close> = closing("b" .. i, i % 2 == 0)
    for j = 1, 3 do coroutine.yield(j) end
    if i > 4 then error("end", 0) end
    return "fine"
  end)
  for j = 1, i do L(coroutine.resume(co)) end
  L(coroutine.close(co), coroutine.status(co))
end
-- close from inside metamethod, from sort, from gsub
do
  local co = coroutine.create(function() local x <close> = closing("x") coroutine.yield() end)
  coroutine.resume(co)
  local t = {5, 4, 3, 2, 1} local done
  table.sort(t, function(a, b) if not done then done = true L(coroutine.close(co)) end return a < b end)
  L(table.concat(t, " "))
  local mt = setmetatable({}, {__index = function(_, k) local co = coroutine.wrap(function() for i = 1, 20 do coroutine.yield(tostring(i)) end end) local s = "" for i = 1, 5 do s = s .. co() end return s .. k end})
  L(mt.foo, mt.bar)
  L(("a b"):gsub("%w", mt))
  L(pcall(coroutine.wrap(function() return mt.x .. mt.y end)))
  local o = setmetatable({}, {__lt = function(a, b) return nest(3, function() return true end) end, __concat = function(a, b) return nest(2, work) end})
  L(o < o, o .. "x", pcall(function() return o <= o end))
end
-- errors through xpcall in coroutines
L(xpcall(nest, function(m) return "h:" .. tostring(m) .. work() end, 4, function() error("boom", 0) end))
L(xpcall(function() local c <close> = closing("q", true) error("first", 0) end, function(m) return "h:" .. m end))
L(select("#", coroutine.wrap(function() return coroutine.yield(coroutine.running()) end)()))
L(coroutine.isyieldable(), coroutine.wrap(function() return coroutine.isyieldable() end)())
do local w w = coroutine.wrap(function() return pcall(w) end) L(w()) end
do local c c = coroutine.create(function() return coroutine.resume(c) end) L(coroutine.resume(c)) L(coroutine.resume(c)) end
do local c = coroutine.create(function() coroutine.yield() end) coroutine.resume(c) local n = 0
  local d = coroutine.create(function() return coroutine.close(c) end) L(coroutine.resume(d)) L(coroutine.status(c)) end
-- recursion
local function fact(n) if n == 0 then return 1 end return n * fact(n - 1) end L(fact(20))
local ok, e = pcall(function() local function f() return 1 + f() end return f() end) L(ok, #tostring(e) > 0)
local function ack(m, n) if m == 0 then return n + 1 elseif n == 0 then return ack(m - 1, 1) end return ack(m - 1, ack(m, n - 1)) end L(ack(2, 3))
return (table.concat(log, "\n"):gsub("[\128-\255%z]", function(c) return "\\" .. c:byte() end))
