-- expect: ok
-- result: "closures hold"
-- Closures: what they share, what a loop makes anew, when a variable leaves the stack.
local function counter()
  local n = 0
  return function() n = n + 1 return n end, function() return n end
end
local inc, get = counter()
local inc2 = counter()
assert(inc() == 1 and inc() == 2 and get() == 2 and inc2() == 1 and get() == 2)

-- each turn of each kind of loop has its own variables
local list = {}
for i = 1, 5 do list[i] = { function() return i end, function(v) i = v end } end
list[2][2](20)
assert(list[1][1]() == 1 and list[2][1]() == 20 and list[3][1]() == 3)
list = {}
for _, v in ipairs { "a", "b" } do list[#list + 1] = function() return v end end
assert(list[1]() == "a" and list[2]() == "b")
list = {}
local n = 0
while n < 3 do
  n = n + 1
  local mine = n
  list[n] = function() mine = mine + 10 return mine end
end
assert(list[1]() == 11 and list[1]() == 21 and list[2]() == 12)
list = {}
repeat
  local x = #list
  list[#list + 1] = function() return x end
until x >= 3			-- a local of the block is seen here
assert(#list == 4 and list[4]() == 3)
do
  local made = {}
  local i = 1
  ::again::
  local x = i
  made[i] = function() x = x + 1 return x end
  i = i + 1
  if i <= 3 then goto again end
  assert(made[1]() == 2 and made[1]() == 3 and made[2]() == 3 and made[3]() == 4)
end

-- leaving by break, return and goto closes what was captured
local kept
for i = 1, 10 do
  local x = i * 2
  kept = function() return x end
  if i == 4 then break end
end
local other = 99
assert(kept() == 8 and other == 99)
local function early(v)
  do
    local w = v
    local f = function() w = w + 1 return w end
    if v > 1 then return f end
  end
  return nil
end
local e1, e2 = early(5), early(7)
assert(e1() == 6 and e1() == 7 and e2() == 8 and early(1) == nil)

-- shared through levels, and after the maker has ended
local function levels()
  local a = 1
  return function()
    local b = a
    return function()
      local c = a + b
      return function() a, b, c = a + 1, b + 1, c + 1 return a, b, c end, function() return a end
    end
  end
end
local two = levels()()
local f1, g1 = two()
local f2 = two()
local a, b, c = f1()
assert(a == 2 and b == 2 and c == 3 and g1() == 2)
a, b, c = f2()
assert(a == 3 and b == 3 and c == 3 and g1() == 3)

-- recursion through an upvalue, mutual, and anonymous
local function fact(k) if k <= 1 then return 1 end return k * fact(k - 1) end
assert(fact(10) == 3628800)
local odd
local function even(k) if k == 0 then return true end return odd(k - 1) end
function odd(k) if k == 0 then return false end return even(k - 1) end
assert(even(100) and odd(7) and not even(7))
local function fix(f) return (function(x) return x(x) end)(function(x) return f(function(y) return x(x)(y) end) end) end
assert(fix(function(self) return function(k) return k < 2 and k or self(k - 1) + self(k - 2) end end)(12) == 144)

-- many upvalues, and a function per call
local src = {}
for i = 1, 60 do src[i] = i end
local v1, v2, v3, v4, v5, v6, v7, v8, v9, v10 = table.unpack(src)
local function sum() return v1 + v2 + v3 + v4 + v5 + v6 + v7 + v8 + v9 + v10 end
assert(sum() == 55)
v10 = 20
assert(sum() == 65)
local made = {}
for i = 1, 300 do made[i] = function() i = i + 1 return i end end
local total = 0
for i = 1, 300 do total = total + made[i]() + made[i]() end
assert(total == 300 * 301 + 900)
local function id() return function() end end
assert(type(id()) == "function" and id ~= id())

-- arguments and varargs are captured, too
local function hold(x, ...)
  local rest = { ... }
  return function() x = x + #rest return x end
end
local h = hold(1, "a", "b")
assert(h() == 3 and h() == 5)

-- coroutines share them
local shared = 0
local co = coroutine.wrap(function() while true do shared = shared + 1 coroutine.yield() end end)
co() co()
shared = shared + 10
co()
assert(shared == 13)
return "closures hold"
