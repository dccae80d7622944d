-- expect: ok
-- What it gives, and counts, is the same when it is left standing everywhere.
-- open results while preempted
local log = {}
local function L(...) local t = {...} for i = 1, select("#", ...) do t[i] = type(t[i]) == "table" and "tab" or tostring(t[i]) end log[#log+1] = select("#", ...) .. ":" .. table.concat(t, ",") end
local unpack, concat = table.unpack, table.concat
local function objs(n) local t = {} for i = 1, n do t[i] = {("s" .. i)} end return t end
local function names(...) local t = {} for i = 1, select("#", ...) do t[i] = (select(i, ...))[1] end return concat(t, " ") end
for i = 1, 12 do
  L(names(unpack(objs(i))))
  local t = {unpack(objs(i))} L(names(unpack(t)))
  local t = {1, 2, unpack(objs(i * 9))} L(#t, t[#t][1])
  local function f() return unpack(objs(i)) end
  L(names(f())) L((names({"p"}, f())))
  local function g(...) return ... end
  L(names(g(f()))) L(names(g(g(unpack(objs(i))))))
  local function h(...) local a = {...} return select("#", ...), unpack(a) end
  L(select("#", h(f())))
  L(("x y z"):gsub("%w", function(c) return c .. i end))
  L(tostring(i):byte(1, -1)) L(string.char(("abc" .. i):byte(1, -1)))
  L(names(unpack({f(), f(), f()})))
  L(pcall(unpack, {i, i + 1})) L(select(2, pcall(error, "e" .. i, 0)))
  L(string.format("%s %s %s", unpack({i, i .. "", i + .5})))
  L(coroutine.wrap(function(...) local x = coroutine.yield(...) return unpack(x) end)(i, i))
  local co = coroutine.wrap(function(...) local a, b = ... while true do a, b = coroutine.yield(unpack{a, b, i}) end end)
  L(co(1, 2)) L(co(unpack{3, 4})) L(co(unpack{5}) or "nil")
  L(#{("abc"):byte(1, -1)}, math.max(unpack{i, 3, 7}))
  L(pcall(string.rep)) 
end
local mt = {__concat = function(a, b) return (type(a) == "table" and a.v or a) .. "+" .. (type(b) == "table" and b.v or b) end,
  __add = function(a, b) return (tostring(a) .. tostring(b)):len() end, __call = function(self, ...) return select("#", ...), ... end,
  __eq = function(a, b) return a.v == b.v end, __le = function(a, b) return a.v <= b.v end, __lt = function(a, b) return a.v < b.v end,
  __index = function(t, k) return k .. "!" end, __tostring = function(s) return "T" .. rawget(s, "v") end, __len = function(s) return s.v end, __unm = function(s) return -s.v end}
local function T(v) return setmetatable({v = v}, mt) end
for i = 1, 10 do
  L(T(i) .. "a" .. T(2) .. i .. T(3)) L(T(i) + T(2)) L(T(i)(unpack{1, 2, i}))
  L(tostring(T(1) == T(i)), tostring(T(i) <= T(5)), tostring(T(i) < T(5)), tostring(T(i) ~= T(2)))
  L(T(1)[i], #T(i), -T(i), tostring(T(i)))
  if T(i) < T(4) and T(i) == T(i) or T(2) <= T(i) then L("yes") else L("no") end
  local ok = not (T(i) <= T(3)) L(tostring(ok))
  for k in pairs({a = T(i)}) do L(k) end
  do local c <close> = setmetatable({}, {__close = function(_, e) L("close", tostring(e)) for j = 1, 3 do tostring(j) end end}) L(unpack(objs(2)[1])) end
  L(tostring(pcall(function() local c <close> = setmetatable({}, {__close = function(_, e) L("c", tostring(e)) error("second", 0) end}) error("first", 0) end)))
  local function ret() local c <close> = setmetatable({}, {__close = function() for j = 1, 5 do tostring(j) end end}) return unpack{i, i * 2, i * 3} end
  L(ret())
  local function tail(n, ...) if n == 0 then return ... end return tail(n - 1, n, unpack({...}, 1, 3)) end
  L(tail(6))
  local function ctail(...) return tostring(...) end L(ctail(i))
  local function ctail2(...) return unpack(...) end L(ctail2{i, 2, 3})
  L(xpcall(function(...) error(... .. "x", 0) end, function(m) for j = 1, 3 do tostring(j) end return m .. "handled" end, unpack{i, 2}))
  goto cont
  ::cont::
end
-- loop kinds
local s = 0
for i = 10, 1, -3 do s = s + i end for i = 1.0, 3.0, 0.5 do s = s + i end for i = 3, 1 do s = s + 1000 end
repeat local x = tostring(s) s = s + 1 until #x > 2
while s < 200 do s = s + select("#", unpack{1, 2, 3}) end
for k, v in next, {a = 1, b = 2, c = 3} do s = s + v end
for w in ("a b c d"):gmatch("%w") do s = s + w:byte() end
L(s)
-- vararg functions, default methods
local function va(...) local a, b = ... local n = select("#", ...) return n, a, b, ... end
L(va()) L(va(1)) L(va(unpack{1, 2, 3})) L((va(1, 2)))
L(#(function(...) return {...} end)(unpack(objs(40))))
return concat(log, "\n")
