-- expect: ok
-- slices: 7
-- What it gives, and counts, is the same when it is left standing everywhere.
-- sorts of all kinds, in coroutines, with yields, errors, nesting, abandonment
local log = {}
local function L(...) log[#log+1] = table.concat({...}, ",") end
local function lcg(s) return function() s = (s * 1103515245 + 12345) & 0x7fffffff return s end end
local r = lcg(7)
-- yields in the order
do
  local t = {} for i = 1, 60 do t[i] = r() % 40 end
  local co = coroutine.wrap(function() table.sort(t, function(a, b) coroutine.yield(a) return a < b end) return "end" end)
  local n = 0
  while true do local v = co() if v == "end" then break end n = n + v % 7 end
  L("y", n, table.concat(t, " "))
end
-- abandoned and collected
for k = 1, 20 do
  local t = {} for i = 1, 30 do t[i] = r() % 40 end
  local co = coroutine.create(function() table.sort(t, function(a, b) coroutine.yield(a) return a < b end) end)
  for i = 1, k do coroutine.resume(co) end
  if k % 3 == 0 then L(tostring(coroutine.close(co))) end
  L("ab", t[1], t[30])
end
-- error in the order
do
  local t = {5,4,3,2,1,9,8,7,6,0,11,15,13}
  local c = 0
  L(tostring(pcall(table.sort, t, function(a, b) c = c + 1 if c == 17 then error("x", 0) end return a < b end)))
  L(table.concat(t, " "), c)
end
-- sort inside sort, one table by two at once
do
  local t = {} for i = 1, 25 do t[i] = r() % 100 end
  local u = {} for i = 1, 9 do u[i] = r() % 100 end
  table.sort(t, function(a, b) table.sort(u, function(x, y) return (x ~ a) < (y ~ a) end) return a < b end)
  L(table.concat(t, " "), table.concat(u, " "))
  local v = {} for i = 1, 25 do v[i] = r() % 100 end
  local function order(a, b) coroutine.yield() return a < b end
  local function order2(a, b) coroutine.yield() return a > b end
  local c1 = coroutine.create(function() table.sort(v, order) return 1 end)
  local c2 = coroutine.create(function() table.sort(v, order2) return 1 end)
  repeat coroutine.resume(c1) coroutine.resume(c2) until coroutine.status(c1) == "dead" and coroutine.status(c2) == "dead"
  L(table.concat(v, " "))
end
-- the order changes the table
do
  local t = {} for i = 1, 40 do t[i] = r() % 100 end
  local k = 0
  L(tostring(pcall(table.sort, t, function(a, b) k = k + 1 t[#t] = nil return a < b end)), #t)
  local t = {} for i = 1, 40 do t[i] = r() % 100 end
  L(tostring(pcall(table.sort, t, function(a, b) t[#t+1] = k return a < b end)), #t, t[1], t[2])
  local t = {} for i = 1, 40 do t[i] = r() % 100 end
  local seen = 0
  L(tostring(pcall(table.sort, t, function(a, b) for i = 1, 40 do t[i] = nil end setmetatable(t, {__newindex = function(q, i, x) seen = seen + i rawset(q, i, x) end}) return a < b end)), #t, seen)
end
-- proxies
do
  local back = {} for i = 1, 30 do back[i] = r() % 50 end
  local p = setmetatable({}, {__index = function(_, i) return back[i] end, __newindex = function(_, i, x) back[i] = x end, __len = function() return 30 end})
  table.sort(p) L(table.concat(back, " "))
  table.sort(p, function(a, b) return a > b end) L(table.concat(back, " "))
  -- objects with __lt
  local mt = {} mt.__lt = function(a, b) return a.v < b.v end
  local o = {} for i = 1, 30 do o[i] = setmetatable({v = r() % 10, i = i}, mt) end
  table.sort(o) local s = {} for i = 1, 30 do s[i] = o[i].v .. ":" .. o[i].i end
  L(table.concat(s, " "))
end
-- numbers of all kinds
local function show(t) local s = {} for i = 1, #t do s[i] = ("%q"):format(t[i]) end return table.concat(s, " ") end
local lists = {
  {0.0, -0.0, 0.0, -0.0, 1.5, -1.5}, {3, 1.0, 1, 2.5, 2, -1, 1.0, 1},
  {2^53, 2^53 + 1, (1<<53) + 1, (1<<53), (1<<53) + 2, 2^53 + 2},
  {math.maxinteger, math.mininteger, 0, -1, 1, math.maxinteger - 1},
  {math.huge, -math.huge, 1e308, -1e308, 5e-324, -5e-324, 1.0},
  {math.maxinteger + 0.0, math.maxinteger, math.mininteger + 0.0, math.mininteger, 5},
}
for _, t in ipairs(lists) do table.sort(t) L(show(t)) end
do local nan = 0/0 local t = {3.0, nan, 1.0, nan, 2.0, 5.0, 4.0} L(tostring(pcall(table.sort, t)), show(t)) end
for n = 1, 70 do
  local t, u = {}, {}
  for i = 1, n do t[i] = (r() << 33 ~ r() << 5 ~ r()) * (r() % 2 * 2 - 1) u[i] = t[i] end
  table.sort(t) table.sort(u, function(a, b) return a < b end)
  for i = 1, n do assert(t[i] == u[i]) end
  for i = 1, n do t[i] = (r() - 2^30) * 2.0 ^ (r() % 200 - 100) u[i] = t[i] end
  table.sort(t) table.sort(u, function(a, b) return a < b end)
  for i = 1, n do assert(t[i] == u[i]) end
end
do local t = {"b\0a", "b", "b\0", "a\0z", "", "\0", "b\0b", "\255", "\127"} table.sort(t) L(show(t)) end
do local ok, e = pcall(table.sort, {1, "x", 2, 3, 4}) L(tostring(e)) end
do local ok, e = pcall(table.sort, {1, 2, nil, 4, 5}) L(tostring(e)) end
do local ok, e = pcall(table.sort, {1, 2, 3, {}, 5, 6}) L(tostring(e)) end
do local t = {} t[1]=1 t[2]=2 local ok, e = pcall(table.sort, setmetatable(t, {__len = function() return 10 end})) L(tostring(e)) end
return (table.concat(log, "\n"):gsub("[\128-\255%z]", function(c) return "\\" .. c:byte() end))
