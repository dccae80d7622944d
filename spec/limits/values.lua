-- Allocation in the VM itself: closures, constructors, varargs, concatenation, recursion.
local function count(...) return select("#", ...) end
local fns = {}
for i = 1, 30 do fns[i] = function() i = i + 1 return function() return i end end end
for i = 1, 30 do fns[i] = fns[i]() end
print(fns[1](), fns[30]())
local list = { 1, 2, 3, count(1, 2), n = { a = { b = { c = {} } } }, [10] = 5 }
print(#list, list.n.a.b.c ~= nil)
local function down(n, ...) if n == 0 then return count(...) end return down(n - 1, n, ...) end
print(down(40))
local function up(n) if n == 0 then return 0 end return 1 + up(n - 1) end
print(up(150))
local text = ""
for i = 1, 40 do text = text .. i .. "," .. i / 2 end
print(#text, text:sub(-10))
local P = setmetatable({}, { __index = function(_, k) return k .. "!" end, __newindex = function(p, k, v) rawset(p, k, v) end,
  __add = function(a, b) return { a, b } end, __concat = function() return "cat" end, __eq = function() return true end,
  __lt = function() return true end, __le = function() return false end, __len = function() return 7 end,
  __unm = function() return "neg" end, __call = function(_, x) return x end, __idiv = function() return "idiv" end })
P.x = 1
print(P.y, P.x, #(P + 1), P .. 1, 1 .. P, P == setmetatable({}, getmetatable(P)), P < P, P <= P, #P, -P, P(5), P // 2)
for i = 10, 1, -3 do print(i) end
for x = 0, 1, 0.25 do print(x) end
local i = 0
while true do i = i + 1 if i > 5 then break elseif i == 3 then goto next end ::next:: end
repeat local z = i i = i - 1 until z < 2
print(i, not nil, ~5, 2 ^ 0.5, "a" < "b", 1 == 1.0, 0 / 0 ~= 0 / 0)
