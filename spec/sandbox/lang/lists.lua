-- expect: ok
-- result: "lists hold"
-- The table library, `next`, `pairs`, `ipairs` and the length operator.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(words, 1, true), message)
end
local function is(wanted, t) assert(table.concat(t, " ") == wanted, table.concat(t, " ")) end

-- insert and remove
local t = {}
table.insert(t, "b")
table.insert(t, 1, "a")
table.insert(t, 3, "c")
is("a b c", t)
assert(table.remove(t, 1) == "a" and table.remove(t) == "c" and table.remove(t, 2) == nil and #t == 1)
assert(table.remove(t) == "b" and table.remove(t) == nil and table.remove(t, 0) == nil and table.remove(t, #t) == nil)
raises("position out of bounds", table.insert, { 1 }, 3, 0)
raises("position out of bounds", table.insert, { 1 }, 0, 0)
raises("position out of bounds", table.remove, { 1 }, 3)
raises("wrong number of arguments", table.insert, {}, 1, 2, 3)
raises("wrong number of arguments", table.insert, {})
raises("table expected", table.insert, nil, 1)

-- concat
is("1 2.5 x", { 1, 2.5, "x" })
assert(table.concat({}, ",") == "" and table.concat({ 1, 2, 3 }, ",", 2) == "2,3" and table.concat({ 1 }, ",", 2) == "")
assert(table.concat({ 1, 2, 3 }, ", ", 1, 2) == "1, 2" and table.concat({ "a", "b" }, "\0") == "a\0b")
raises("invalid value (table) at index 2", table.concat, { 1, {}, 3 })
raises("invalid value (nil) at index 4", table.concat, { 1, 2, 3 }, ",", 1, 4)

-- move, overlapping either way, into another
is("1 1 2 3", table.move({ 1, 2, 3 }, 1, 3, 2))
is("2 3 3", table.move({ 1, 2, 3 }, 2, 3, 1))
is("a 1 2", table.move({ 1, 2 }, 1, 2, 2, { "a" }))
is("1 2", table.move({ 1, 2 }, 1, 0, 5))
assert(table.move({ 1 }, 1, 1, math.maxinteger)[math.maxinteger] == 1)
raises("too many elements to move", table.move, {}, math.mininteger, 0, 1)
raises("destination wrap around", table.move, {}, 1, 2, math.maxinteger)

-- sort
local function sorted(list, less) table.sort(list, less) return list end
is("1 2 3 4 5", sorted { 5, 3, 1, 4, 2 })
is("5 4 3 2 1", sorted({ 5, 3, 1, 4, 2 }, function(a, b) return a > b end))
is("Apr Jan Mar", sorted { "Jan", "Mar", "Apr" })
is("1 1.5 2", sorted { 2, 1.5, 1 })
is("", sorted {})
for n = 2, 200, 11 do
  local list = {}
  for i = 1, n do list[i] = i * 7919 % 211 end
  sorted(list)
  for i = 2, n do assert(list[i - 1] <= list[i]) end
end
raises("attempt to compare", table.sort, { 1, "x" })
raises("function expected", table.sort, { 1, 2 }, 5)
raises("my own", table.sort, { 1, 2, 3 }, function() error "my own" end)
local people = { { n = "b", a = 2 }, { n = "a", a = 2 }, { n = "c", a = 1 } }
table.sort(people, function(a, b) if a.a ~= b.a then return a.a < b.a end return a.n < b.n end)
assert(people[1].n == "c" and people[2].n == "a" and people[3].n == "b")

-- metamethods of a proxy are used by all
local back = { 3, 1, 2 }
local proxy = setmetatable({}, { __index = back, __newindex = function(_, k, v) back[k] = v end, __len = function() return #back end })
table.insert(proxy, 0)
table.insert(proxy, 1, 9)
assert(rawlen(proxy) == 0 and #proxy == 5 and table.concat(proxy, " ") == "9 3 1 2 0" and table.remove(proxy, 1) == 9)
table.sort(proxy)
is("0 1 2 3", back)
assert(select("#", table.unpack(proxy)) == 4 and table.concat(table.move(proxy, 1, 2, 1, {}), " ") == "0 1")
raises("object length is not an integer", table.insert, setmetatable({}, { __len = function() return "x" end }), 1)

-- length: any border; none beyond a hole at the end
assert(#{} == 0 and #{ 1, 2, nil } == 2 and #{ n = 1 } == 0 and #"abc" == 3)
t = {}
for i = 1, 100 do t[i] = i end
assert(#t == 100)
for i = 100, 51, -1 do t[i] = nil end
assert(#t == 50 and rawlen(t) == 50 and rawlen "ab" == 2)
t[#t + 1] = true
assert(#t == 51)
raises("attempt to get length of a number value", function() local n = 1 return #n end)

-- keys: floats that are integers are integers; NaN and nil are none
t = { [1.0] = "a", [2 ^ 53] = "b" }
assert(t[1] == "a" and t[2 ^ 53 | 0] == "b" and next { [3.0] = 1 } == 3 and math.type(next { [3.0] = 1 }) == "integer")
assert(t[0 / 0] == nil and t[nil] == nil and t["1"] == nil and t[true] == nil)
raises("index is NaN", function() t[0 / 0] = 1 end)
raises("index is nil", function() t[nil] = 1 end)
raises("index is NaN", rawset, t, 0 / 0, 1)
t[-0.0] = "zero"
assert(t[0] == "zero" and t[0.0] == "zero")

-- next and pairs: each once, fields may be cleared on the way
local set, n = { 10, 20, x = 1, y = 2, [1.5] = 3, [true] = 4 }, 0
for k, v in pairs(set) do
  assert(set[k] == v)
  set[k] = nil
  n = n + 1
end
assert(n == 6 and next(set) == nil and next({}, nil) == nil)
raises("invalid key to 'next'", next, { 1 }, "none")
for _ = 1, 3 do
  local big, sum = {}, 0
  for i = 1, 500 do big["k" .. i] = i end
  for k, v in pairs(big) do
    sum = sum + v
    big[k] = v + 1
  end
  assert(sum == 125250)
end

-- ipairs: until the first nil, through __index; pairs: through __pairs
n = 0
for i, v in ipairs { 1, 2, nil, 4 } do n = n + v; assert(i == v) end
assert(n == 3)
for i, v in ipairs(setmetatable({}, { __index = function(_, i) if i < 4 then return i * 10 end end })) do
  n = n + 1
  assert(v == i * 10)
end
assert(n == 6)
local own = setmetatable({}, { __pairs = function(self) return function(_, k) if not k then return 1, self end end, self, nil end })
for k, v in pairs(own) do assert(k == 1 and v == own) end
assert(not pcall(ipairs) and not pcall(pairs) and select("#", pairs {}) == 3 and select(3, ipairs {}) == 0)

-- constructors
t = { 1, 2, x = 3, [4] = "four", 5; 6, }
assert(#t == 4 and t[3] == 5 and t[4] == 6 and t.x == 3)
local nested = { { 1, { 2 } }, f = function() return 7 end }
assert(nested[1][2][1] == 2 and nested.f() == 7)

-- raw access, equality
local m = setmetatable({}, { __index = { a = 1 }, __newindex = function() end, __eq = function() return true end, __len = function() return 9 end })
m.b = 2
assert(m.a == 1 and rawget(m, "a") == nil and rawget(m, "b") == nil and rawset(m, "b", 3) == m and rawget(m, "b") == 3)
assert(m == setmetatable({}, getmetatable(m)) and not rawequal(m, setmetatable({}, getmetatable(m))) and #m == 9 and rawlen(m) == 0)
assert(rawequal("a", "a") and rawequal(1, 1.0) and not rawequal({}, {}))
return "lists hold"
