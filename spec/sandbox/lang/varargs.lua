-- expect: ok
-- result: "varargs hold"
-- Variable numbers of arguments and results, select, pack and unpack.
local function count(...) return select("#", ...) end
local function pass(...) return ... end
local function last(...) return (select(-1, ...)) end

assert(count() == 0 and count(nil) == 1 and count(nil, nil) == 2 and count(pass(1, 2, 3)) == 3)
assert(count(pass(1, 2), pass(3, 4)) == 3 and count((pass(1, 2))) == 1 and count(pass(), pass()) == 1)
assert(last(1, 2, 3) == 3 and select(2, "a", "b", "c") == "b" and count(select(4, 1, 2, 3)) == 0)
assert(not pcall(select, 0) and not pcall(select, -1) and not pcall(select, -3, 1, 2))

-- adjustment in lists, calls, returns
local a, b, c = pass(1, 2)
assert(a == 1 and b == 2 and c == nil)
a, b, c = pass(1, 2), 10
assert(a == 1 and b == 10 and c == nil)
a, b, c = 0, pass(1, 2, 3)
assert(a == 0 and b == 1 and c == 2)
assert(#{ pass(1, 2, 3) } == 3 and #{ pass(1, 2, 3), 4 } == 2 and #{ (pass(1, 2, 3)) } == 1)
local function swap(x, y, ...) return y, x, ... end
assert(table.concat({ swap(1, 2, 3, 4) }, "") == "2134")

-- arguments beside the named ones
local function rest(x, y, ...) return x, y, count(...) end
local x, y, n = rest(1)
assert(x == 1 and y == nil and n == 0)
x, y, n = rest(1, 2, nil, nil)
assert(y == 2 and n == 2)

-- `...` seen from many places
local function nested(...)
  local t = { ... }
  local f = function(...) return count(...) + #t end
  return f(...) + f()
end
assert(nested(1, 2, 3) == 9)
local function deep(n, ...)
  if n == 0 then return count(...) end
  return deep(n - 1, n, ...)
end
assert(deep(200) == 200)
local function assigned(...)
  local p, q = ...
  p, q = q, ...
  return p, q
end
local p, q = assigned(5, 6)
assert(p == 6 and q == 5)

-- pack and unpack
local t = table.pack()
assert(t.n == 0 and #t == 0)
t = table.pack(nil, nil, 3, nil)
assert(t.n == 4 and t[3] == 3 and count(table.unpack(t, 1, t.n)) == 4)
assert(count(table.unpack({}, 1, 3)) == 3 and count(table.unpack({ 1, 2 }, 2)) == 1 and count(table.unpack({}, 5, 4)) == 0)
assert(select(3, table.unpack({ [-1] = "a", [0] = "b", "c" }, -1, 1)) == "c")
assert(count(table.unpack({}, math.maxinteger, math.maxinteger)) == 1)
assert(not pcall(table.unpack, {}, 1, 1e8) and not pcall(table.unpack, {}, math.mininteger, math.maxinteger))
local through = setmetatable({}, { __index = function(_, i) return i * i end, __len = function() return 4 end })
assert(table.concat({ table.unpack(through) }, " ") == "1 4 9 16")

-- many
local many = {}
for i = 1, 240 do many[i] = i end
assert(count(table.unpack(many)) == 240 and last(table.unpack(many)) == 240)
assert(math.max(table.unpack(many)) == 240 and #string.char(table.unpack(many)) == 240)
local all = table.pack(pass(table.unpack(many)))
assert(all.n == 240 and all[240] == 240)

-- methods, constructors, tail calls
local o = { f = function(self, ...) return self, ... end }
assert(count(o:f(1, 2)) == 3 and select(1, o:f()) == o)
local function tail(...) return pass(...) end
assert(count(tail(nil, nil)) == 2)
local made = { pass(1, 2), k = pass(3, 4), pass(5, 6) }
assert(#made == 3 and made[1] == 1 and made[3] == 6 and made.k == 3)
return "varargs hold"
