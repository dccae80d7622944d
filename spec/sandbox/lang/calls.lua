-- expect: ok
-- result: "calls hold"
-- Calls: forms, order, tail calls, __call, protected calls, depth.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(words, 1, true), message)
end

-- forms
local o = { n = 1 }
function o.plain(x) return x end
function o:method(x) return self.n + x end
o.deep = { inner = {} }
function o.deep.inner:m() return self end
assert(o.plain(5) == 5 and o:method(5) == 6 and o.method({ n = 10 }, 5) == 15 and o.deep.inner:m() == o.deep.inner)
assert(type "x" == "string" and #{ 1 } == 1 and (("x")):rep(2) == "xx" and ({ 7 })[1] == 7 and (function() return 3 end)() == 3)
local function pass(...) return ... end
assert(pass { 1 }[1] == 1 and pass "a" .. "b" == "ab" and pass [[z]] == "z" and pass(pass)(4) == 4)

-- missing arguments are nil, extra ones are dropped, in the order they stand
local order = {}
local function note(x) order[#order + 1] = x return x end
local function two(a, b) return a, b end
local a, b = two(note(1), note(2), note(3))
assert(a == 1 and b == 2 and table.concat(order) == "123")
a, b = two(1)
assert(a == 1 and b == nil)
order = {}
local t = { [note "k"] = note "v", note "p" }
assert(t.k == "v" and t[1] == "p" and table.concat(order) == "kvp")

-- tail calls do not grow the stack
local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + 1) end
assert(loop(40000, 0) == 40000)
local function ping(n) if n == 0 then return "done" end return o.pong(n - 1) end
function o.pong(n) return ping(n) end
assert(ping(20000) == "done")
local obj = setmetatable({}, { __call = function(self, n) if n == 0 then return self end return self(n - 1) end })
assert(obj(10000) == obj)

-- __call takes its arguments and may be chained
local adder = setmetatable({}, { __call = function(self, ...) return select("#", ...), self end })
local n, self = adder(nil, nil)
assert(n == 2 and self == adder and (pcall(adder, 1)))
local chained = setmetatable({}, { __call = adder })
n, self = chained(1)
assert(n == 2 and self == adder)
raises("attempt to call a table value", function() local x = {} x() end)
raises("attempt to call a nil value (global 'undefined_name')", function() undefined_name() end)
raises("attempt to call a nil value (field 'none')", function() o.none() end)
raises("attempt to call a number value", function() local x = 1 x() end)

-- pcall and xpcall
local function res(...) return select("#", ...), ... end
n, a, b = res(pcall(pass, 1))
assert(n == 2 and a == true and b == 1)
assert(select("#", pcall(pass)) == 1 and not pcall(5) and select("#", pcall(error)) == 2)
local thing = {}
local ok, e = pcall(error, thing)
assert(not ok and e == thing)
ok, e = xpcall(function(x, y) error(x .. y, 0) end, function(m) return m:upper() end, "a", "b")
assert(not ok and e == "AB")
assert(select("#", xpcall(pass, print, 1, 2, 3)) == 4)
ok, e = xpcall(function() error "first" end, function() error "second" end)
assert(not ok)
ok, e = pcall(function() pcall(error, "inner") error("outer", 0) end)
assert(not ok and e == "outer")
assert(not pcall(xpcall) and not pcall(pcall))

-- error levels name the place
local function level1() error("m", 1) end
local function level2() error("m", 2) end
local _, m1 = pcall(level1)
local _, m2 = pcall(function() level2() end)
assert(m1:match ":(%d+): m$" and m2:match ":(%d+): m$" and m1 ~= m2 and select(2, pcall(error, "m", 0)) == "m")

-- assert gives back all it was given
n = select("#", assert(1, 2, 3))
assert(n == 3 and select("#", assert(true)) == 1)
raises("assertion failed!", assert, false)
raises("mine", assert, nil, "mine")
ok, e = pcall(assert, false, thing)
assert(not ok and e == thing)
raises("value expected", assert)

-- endless recursion is an error, again and again, and all works after it
local function forever() return 1 + forever() end
for _ = 1, 3 do raises("stack overflow", forever) end
raises("stack overflow", function() local mt = {} mt.__index = function(s, k) return s[k .. "x"] end return setmetatable({}, mt).a end)
assert(loop(10, 0) == 10)
local function depth(k) if k == 0 then return 0 end return 1 + depth(k - 1) end
assert(depth(10000) == 10000)

-- many parameters, arguments, locals
local function many(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, ...) return a10, select("#", ...) end
a, b = many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
assert(a == 10 and b == 2)
raises("bad argument #1 to 'insert' (table expected, got nil)", function() table.insert(nil, 1) end)
raises("calling 'rep' on bad self", function() local bad = { rep = string.rep } bad:rep(1) end)
raises("bad argument #1 to 'rep' (number expected, got no value)", function() ("x"):rep() end)
return "calls hold"
