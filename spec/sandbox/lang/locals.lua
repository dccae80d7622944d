-- expect: ok
-- result: "locals hold"
-- Local variables and their attributes: what is constant, and what is closed when.
local log = {}
local function note(x) log[#log + 1] = tostring(x) end
local function logged(wanted)
  local got = table.concat(log, " ")
  log = {}
  assert(got == wanted, got)
end
local function closing(name)
  return setmetatable({}, { __close = function(_, e) note(name .. (e and ":" .. tostring(e) or "")) end })
end
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(words, 1, true), message)
end

-- constants, of the compiler and of the machine
local x <const>, s <const>, n <const>, f <const> = 10, "text", nil, 1.5
local t <const> = { x }
t[2] = x + 1
assert(t[1] + t[2] == 21 and s .. x == "text10" and n == nil and f * 2 == 3.0 and -x == -10 and #s == 4)
local function up() return x, s, t end
assert(select("#", up()) == 3 and up() == 10)
do local x = x + 1; assert(x == 11); x = 0; assert(x == 0) end

-- closed in reverse order, at the end of the block
do
  local a <close> = closing "a"
  local b <close> = closing "b"
  local c <const> = 1
  note "body"
end
logged "body b a"

-- nil and false need not be closed; other values must be able to
do local a <close>, b = nil, 1 local c <close> = false note(b) end
logged "1"
raises("variable 'v' got a non-closable value", function() local v <close> = {} end)
raises("variable 'v' got a non-closable value", function() local v <close> = 42 end)
logged ""

-- by return (after its values were computed), break, error, and falling out of a function
local function returns()
  local v = 1
  local a <close> = setmetatable({}, { __close = function() v = 2 note "r" end })
  return v, (function() return v end)
end
local v, get = returns()
assert(v == 1 and get() == 2)
local function many()
  local a <close> = closing "m"
  return table.unpack({ 1, 2, 3, 4, 5 })
end
assert(select("#", many()) == 5)
local function tail()
  local a <close> = closing "t"
  return note "call"	-- no tail call here
end
tail()
logged "r m call t"
for i = 1, 3 do
  local l <close> = closing("l" .. i)
  if i == 2 then break end
end
logged "l1 l2"
local ok, e = pcall(function()
  local a <close> = closing "a"
  local b <close> = closing "b"
  error("oops", 0)
end)
assert(not ok and e == "oops")
logged "b:oops a:oops"

-- an error while closing takes the place of the one before, and the rest is closed
ok, e = pcall(function()
  local a <close> = closing "a"
  local b <close> = setmetatable({}, { __close = function(_, err) note(err) error("second", 0) end })
  local c <close> = closing "c"
  error("first", 0)
end)
assert(not ok and e == "second")
logged "c:first first a:second"
ok, e = pcall(function()
  local a <close> = closing "a"
  do local b <close> = setmetatable({}, { __close = function() error("in block", 0) end }) end
  note "not here"
end)
assert(not ok and e == "in block")
logged "a:in block"

-- in a generic for, the fourth value
local function iter(k)
  return function(_, i) if i < k then return i + 1 end end, nil, 0, closing "for"
end
for i in iter(2) do note(i) end
for i in iter(5) do if i == 2 then break end end
pcall(function() for i in iter(3) do error("e", 0) end end)
local function out() for i in iter(3) do return i end end
assert(out() == 1)
logged "1 2 for for for:e for"

-- __close that is missing when it is due, or was replaced
ok, e = pcall(function()
  local a <close> = setmetatable({}, { __close = print })
  setmetatable(a, {})
end)
assert(not ok and e:find "metamethod 'close'")
do
  local mt = { __close = function() note "old" end }
  local a <close> = setmetatable({}, mt)
  mt.__close = function() note "new" end
end
logged "new"

-- yields while closing, in every way of leaving
local function yielding(name) return setmetatable({}, { __close = function(_, err) coroutine.yield(name) note(name .. tostring(err)) end }) end
local co = coroutine.wrap(function()
  do local a <close> = yielding "1" end
  for _ in iter(1) do local b <close> = yielding "2" end
  local okay, err = pcall(function()
    local c <close> = yielding "3"
    error("x", 0)
  end)
  note(err)
  local d <close> = yielding "4"
  return "end"
end)
assert(co() == "1" and co() == "2" and co() == "3" and co() == "4" and co() == "end")
logged "1nil 2nil for 3x x 4nil"

-- recursion with something to close
local function down(k)
  local a <close> = closing(k)
  if k > 0 then return (down(k - 1)) end
  return "bottom"
end
assert(down(3) == "bottom")
logged "0 1 2 3"

-- two hundred locals
local a1, a2, a3, a4, a5, a6, a7, a8, a9, a10 = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
do
  local b1, b2, b3, b4, b5, b6, b7, b8, b9, b10 = a10, a9, a8, a7, a6, a5, a4, a3, a2, a1
  assert(b1 == 10 and b10 == 1 and b1 + b2 + b3 + b4 + b5 + b6 + b7 + b8 + b9 + b10 == 55)
end

-- a closing variable among captured ones
local function captured()
  local k = 1
  local function peek() return k end
  local q <close> = setmetatable({}, { __close = function() k = k + 1 end })
  local function later() return k * 10 end
  return peek, later, k
end
local peek, later, was = captured()
assert(was == 1 and peek() == 2 and later() == 20)
return "locals hold"
