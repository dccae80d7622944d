--- What `keel bench sandbox` runs: scripts of the kinds that agents are made of, each
--- of some milliseconds. They use only what a plain state of Lua has too.
local workloads = {
  { name = "fib", text = [[
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
return fib(24)]] },
  { name = "for_loop", text = [[
local sum = 0
for i = 1, 1000000 do sum = sum + i % 7 end
return sum]] },
  { name = "empty_loop", text = [[
for i = 1, 2000000 do end]] },
  { name = "while_loop", text = [[
local n, sum, x = 0, 0, 1.5
while n < 500000 do
  n = n + 1
  if n % 3 == 0 then sum = sum + x else sum = sum - 1 end
end
local r = 0
repeat r = r + 1 until r >= 300000
return sum + r]] },
  { name = "nested_loop", text = [[
local count = 0
for a = 1, 100 do
  for b = 1, 100 do
    for c = 1, 20 do
      if a * a + b * b == c * c then count = count + 1 end
    end
  end
end
for x = 0.0, 1.0, 0.00001 do count = count + x end
return count]] },
  { name = "table_array", text = [[
local sum = 0
for round = 1, 10 do
  local t = {}
  for i = 1, 10000 do t[i] = i end
  for i = 1, #t do sum = sum + t[i] end
  for i, v in ipairs(t) do sum = sum + v end
end
return sum]] },
  { name = "table_hash", text = [[
local words, sum = {}, 0
for i = 1, 2000 do words[i] = "key" .. i end
for round = 1, 5 do
  local t = {}
  for i = 1, #words do t[words[i] ] = i end
  for i = 1, #words do sum = sum + t[words[i] ] end
  for k, v in pairs(t) do sum = sum + v end
  for i = 1, #words, 2 do t[words[i] ] = nil end
  for k, v in next, t do sum = sum + v end
end
return sum]] },
  { name = "table_objects", text = [[
local list = {}
for i = 1, 15000 do list[i] = { id = i, name = "n", tags = { i, i + 1 } } end
local sum = 0
for _, item in ipairs(list) do sum = sum + item.id + item.tags[2] end
return sum]] },
  { name = "table_library", text = [[
local t = {}
for i = 1, 20000 do table.insert(t, i) end
for i = 1, 10000 do table.remove(t) end
for i = 1, 60 do table.insert(t, 1, i) end
for i = 1, 60 do table.remove(t, 1) end
local sum = 0
for i = 1, 200 do sum = sum + select("#", table.unpack(t, 1, 100)) end
table.move(t, 1, #t, 5)
return sum + #table.concat(t, ",")]] },
  { name = "string_build", text = [[
local parts = {}
for i = 1, 20000 do parts[#parts + 1] = "item " .. i .. ";" end
local text = table.concat(parts)
local sum = #text
for i = 1, 3000 do sum = sum + text:byte(i) + #text:sub(i, i + 20) end
for i = 1, 2000 do sum = sum + #text:sub(i, i + 20):upper() + #("ab"):rep(10) end
return sum]] },
  { name = "string_format", text = [[
local sum = 0
for i = 1, 15000 do
  sum = sum + #string.format("%d: %s is %5.2f and %x", i, "name", i / 3, i)
end
for i = 1, 15000 do sum = sum + #tostring(i) + tonumber("12" .. i % 10) end
return sum]] },
  { name = "string_match", text = [[
local line = ("the quick brown fox = 42, jumps over the lazy dog; "):rep(20)
local n = 0
for round = 1, 20 do
  for word in line:gmatch("%a+") do n = n + #word end
  for key, value in line:gmatch("(%w+)%s*=%s*(%d+)") do n = n + #key + #value end
  n = n + #line:gsub("%s+", " ")
  n = n + select(2, line:gsub("o", "0"))
  n = n + select(2, line:gsub("%w+", function(w) if #w > 4 then return w:upper() end end))
  n = n + select(2, line:gsub("(%w+) (%w+)", "%2 %1"))
end
for i = 1, 300 do
  n = n + (line:find("dog;", 1, true)) + (line:find("l%a-y", 1))
  n = n + #(line:match("^(.-)=") or "")
end
return n]] },
  { name = "sort_numbers", text = [[
local x, sum = 42, 0
for round = 1, 3 do
  local t = {}
  for i = 1, 8000 do x = (x * 1103515245 + 12345) % 2147483648 t[i] = x end
  table.sort(t)
  sum = sum + t[1]
end
return sum]] },
  { name = "sort_compare", text = [[
local x, sum = 42, 0
for round = 1, 2 do
  local t = {}
  for i = 1, 5000 do x = (x * 1103515245 + 12345) % 2147483648 t[i] = { key = x } end
  table.sort(t, function(a, b) return a.key < b.key end)
  sum = sum + t[1].key
end
return sum]] },
  { name = "sort_strings", text = [[
local x, t = 42, {}
for i = 1, 6000 do x = (x * 1103515245 + 12345) % 2147483648 t[i] = "word" .. x end
table.sort(t)
table.sort(t)
return t[1] ]] },
  { name = "string_sort_mix", text = [[
local text = ("pack my box with five dozen liquor jugs "):rep(40)
local out = 0
for round = 1, 6 do
  local counts, names = {}, {}
  for w in text:gmatch("%a+") do
    w = w .. (#w + round) % 7
    if not counts[w] then counts[w] = 0 names[#names + 1] = w end
    counts[w] = counts[w] + 1
  end
  table.sort(names, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
  end)
  local lines = {}
  for i, w in ipairs(names) do lines[i] = ("%3d %-10s %s"):format(i, w, counts[w]) end
  out = out + #table.concat(lines, "\n")
end
return out]] },
  { name = "closures", text = [[
local function counter()
  local n = 0
  return function(by) n = n + by return n end
end
local sum = 0
for i = 1, 30000 do
  local c = counter()
  c(1) sum = sum + c(i)
end
local function map(t, f) local r = {} for i = 1, #t do r[i] = f(t[i]) end return r end
local t = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 }
for i = 1, 3000 do sum = sum + #map(t, function(v) return v + i end) end
return sum]] },
  { name = "methods", text = [[
local Point = {}
Point.__index = Point
Point.__add = function(a, b) return setmetatable({ x = a.x + b.x, y = a.y + b.y }, Point) end
function Point.new(x, y) return setmetatable({ x = x, y = y }, Point) end
function Point:length2() return self.x * self.x + self.y * self.y end
local Sub = setmetatable({}, { __index = Point })
Sub.__index = Sub
local sum, p = 0, Point.new(1, 2)
local q = setmetatable({ x = 3, y = 4 }, Sub)
for i = 1, 60000 do sum = sum + p:length2() + q:length2() end
for i = 1, 10000 do p = p + q end
return sum + p.x]] },
  { name = "varargs", text = [[
local function sum(...)
  local s = 0
  for i = 1, select("#", ...) do s = s + (select(i, ...)) end
  return s
end
local function pass(...) return ... end
local total = 0
for i = 1, 15000 do total = total + sum(pass(i, 2, 3, 4, 5)) end
for i = 1, 20000 do local a, b, c = pass(1, 2, i) total = total + a + b + c end
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + n) end
for i = 1, 30 do total = total + loop(2000, 0) end
return total]] },
  { name = "coroutines", text = [[
local function numbers(n)
  return coroutine.wrap(function() for i = 1, n do coroutine.yield(i) end end)
end
local sum = 0
for v in numbers(40000) do sum = sum + v end
local co = coroutine.create(function(a) while true do a = coroutine.yield(a + 1) end end)
for i = 1, 30000 do local _, v = coroutine.resume(co, i) sum = sum + v end
for i = 1, 1000 do for v in numbers(2) do sum = sum + v end end
return sum]] },
  { name = "pcalls", text = [[
local ok, bad = 0, 0
local function work(i) if i % 50 == 0 then error("bad " .. i) end return i end
for i = 1, 60000 do
  if pcall(work, i) then ok = ok + 1 else bad = bad + 1 end
end
for i = 1, 5000 do
  local fine, e = pcall(error, { code = "x" })
  if e.code == "x" then bad = bad + 1 end
end
return ok, bad]] },
  { name = "globals_math", text = [[
n = 0
for i = 1, 100000 do
  n = n + math.floor(i / 3) + math.max(i, 5) + math.abs(-i)
  if type(n) ~= "number" then error("?") end
end
for i = 1, 30000 do n = n + (i & 255) + (i << 2) // 3 + (i ~ 5) end
return n]] },
  { name = "sieve", text = [[
local n, count = 60000, 0
local composite = {}
for i = 2, n do
  if not composite[i] then
    count = count + 1
    for j = i * i, n, i do composite[j] = true end
  end
end
return count]] },
}

--- A small script, for starting a run.
workloads.small = [[
local function greet(name) return "hello " .. name end
return greet("world")
]]

return workloads
