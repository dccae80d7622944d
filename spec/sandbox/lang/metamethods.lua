-- expect: ok
-- result: "metamethods hold"
-- Metamethods: every event, its operands, its order, its chains.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(words, 1, true), message)
end

-- arithmetic and bits: left operand's first, either operand's, one result
local log
local function logging(name) return function(a, b) log = { name, a, b } return name, "dropped" end end
local mt = {}
for _, event in ipairs { "add", "sub", "mul", "div", "mod", "pow", "idiv", "band", "bor", "bxor", "shl", "shr", "concat" } do
  mt["__" .. event] = logging(event)
end
local o, p = setmetatable({}, mt), setmetatable({}, { __add = function() return "of p" end })
local function check(name, got, a, b) assert(got == name and log[1] == name and log[2] == a and log[3] == b, name) end
check("add", o + 1, o, 1) check("add", 1 + o, 1, o) check("sub", o - 2.5, o, 2.5) check("mul", o * o, o, o)
check("div", o / "x", o, "x") check("mod", 5 % o, 5, o) check("pow", o ^ 2, o, 2) check("idiv", 7 // o, 7, o)
check("band", o & 1, o, 1) check("bor", 1 | o, 1, o) check("bxor", o ~ 1.5, o, 1.5) check("shl", o << 1, o, 1)
check("shr", "s" >> o, "s", o) check("concat", o .. "a", o, "a") check("concat", 1 .. o, 1, o)
assert(o + p == "add" and p + o == "of p" and select("#", (o + 1)) == 1)
local first = setmetatable({}, { __concat = function(a, b) return "[" .. tostring(b) .. "]" end })
assert(first .. "x" .. "y" == "[xy]")

-- unary
local u = setmetatable({}, { __unm = function(a, b) assert(rawequal(a, b)) return "unm" end, __bnot = function() return "bnot" end,
  __len = function() return "len" end })
assert(-u == "unm" and ~u == "bnot" and #u == "len")

-- comparison: results become booleans, numbers are never asked
local calls = 0
local cmp = { __lt = function(a, b) calls = calls + 1 return a.v < b.v and 1 end, __le = function(a, b) calls = calls + 1 return a.v <= b.v or nil end,
  __eq = function(a, b) calls = calls + 1 return a.v == b.v and "same" end }
local function box(v) return setmetatable({ v = v }, cmp) end
local a, b, c = box(1), box(2), box(1)
assert((a < b) == true and (b < a) == false and (a > b) == false and (a <= c) == true and (b <= a) == false and (b >= a) == true)
assert((a == c) == true and (a == b) == false and (a ~= b) == true and (a ~= c) == false and calls == 10)
assert(a == a and calls == 10 and not rawequal(a, c) and a ~= 1 and a ~= "x" and calls == 10)
assert(setmetatable({}, { __eq = function() return true end }) == setmetatable({}, {}))
local strange = setmetatable({}, { __lt = function(x, y) return type(x) .. type(y) == "numbertable" end, __le = function() return true end })
assert(1 < strange and not (strange < 1) and "a" <= strange)
raises("attempt to compare two table values", function() return setmetatable({}, {}) < setmetatable({}, {}) end)
raises("attempt to compare table with number", function() return {} < 1 end)

-- index: tables and functions in chains, only for what is absent
local base = { a = 1, f = false }
local middle = setmetatable({ b = 2 }, { __index = base })
local top = setmetatable({}, { __index = function(t, k) if k == "gone" then return nil end return middle[k] end })
assert(top.a == 1 and top.b == 2 and top.f == false and top.gone == nil and rawget(top, "a") == nil)
top.a = nil
assert(top.a == 1)
top.a = 5
assert(top.a == 5 and base.a == 1)
local seen
local spy = setmetatable({}, { __index = function(t, k) seen = k return k end })
assert(spy[1] == 1 and spy[spy] == spy and spy[nil] == nil and seen == nil and spy["x y"] == "x y")
raises("attempt to index a number value", function() return setmetatable({}, { __index = 5 }).x end)
local loop = {}
setmetatable(loop, { __index = loop })
raises("'__index' chain too long", function() return loop.x end)

-- newindex: the same, and never for keys that are there
local store = {}
local w = setmetatable({ own = 1 }, { __newindex = store })
w.own, w.new = 2, 3
assert(w.own == 2 and rawget(w, "new") == nil and store.new == 3)
local args
w = setmetatable({}, { __newindex = function(...) args = table.pack(...) end })
w.k = nil
assert(args.n == 3 and args[1] == w and args[2] == "k" and args[3] == nil)
local readonly = setmetatable({}, { __index = base, __newindex = function(_, k) error("read only: " .. k, 2) end })
raises("read only: z", function() readonly.z = 1 end)
setmetatable(loop, { __newindex = loop })
raises("'__newindex' chain too long", function() loop.x = 1 end)

-- call, tostring, name, metatable, pairs
local callable = setmetatable({}, { __call = function(self, ...) return self, ... end })
local r1, r2 = callable(7)
assert(r1 == callable and r2 == 7 and select("#", callable()) == 1)
assert(tostring(setmetatable({}, { __tostring = function() return "text" end })) == "text")
local locked = setmetatable({}, { __metatable = "locked" })
assert(getmetatable(locked) == "locked")
raises("cannot change a protected metatable", setmetatable, locked, {})
raises("nil or table expected", setmetatable, {}, 1)
raises("table expected", setmetatable, 1, {})
assert(getmetatable({}) == nil and setmetatable({}, nil) and getmetatable(setmetatable({}, mt)) == mt)
local keys = {}
for k in pairs(setmetatable({ hidden = 1 }, { __pairs = function() return next, { shown = 1 } end })) do keys[#keys + 1] = k end
assert(#keys == 1 and keys[1] == "shown")

-- classes
local Animal = {}
Animal.__index = Animal
function Animal.new(name) return setmetatable({ name = name }, Animal) end
function Animal:says() return self.name .. " " .. self:sound() end
function Animal:sound() return "..." end
local Dog = setmetatable({}, { __index = Animal })
Dog.__index = Dog
function Dog.new(name) return setmetatable(Animal.new(name), Dog) end
function Dog:sound() return "woof" end
assert(Dog.new("rex"):says() == "rex woof" and Animal.new("cat"):says() == "cat ..." and rawget(Dog, "says") == nil)

-- metamethods put in later are seen
local late, lmt = setmetatable({}, {}), nil
lmt = getmetatable(late)
raises("attempt to perform arithmetic on a table value", function() return late + 1 end)
lmt.__add = function() return "late" end
lmt.__index = function() return "idx" end
assert(late + 1 == "late" and late.x == "idx")
lmt.__index = nil
assert(late.x == nil)

-- errors and yields in them
raises("inside", function() return setmetatable({}, { __add = function() error "inside" end }) + 1 end)
local co = coroutine.wrap(function() return setmetatable({}, { __lt = function() return coroutine.yield "y" end }) < 1 end)
assert(co() == "y" and co(nil) == false)

-- vectors
local V = {}
V.__index = V
V.__add = function(x, y) return setmetatable({ x[1] + y[1], x[2] + y[2] }, V) end
V.__mul = function(x, y) if type(x) == "number" then x, y = y, x end return setmetatable({ x[1] * y, x[2] * y }, V) end
V.__eq = function(x, y) return x[1] == y[1] and x[2] == y[2] end
V.__unm = function(x) return x * -1 end
V.__tostring = function(x) return "(" .. x[1] .. ", " .. x[2] .. ")" end
local v = setmetatable({ 1, 2 }, V)
assert(v + v == 2 * v and -v + v == 0 * v and tostring(v * 3) == "(3, 6)")
return "metamethods hold"
