-- expect: ok
-- result: "jumps hold"
-- goto: forward, back, out of blocks and functions' loops, with closures and closing variables.
-- (Stock 5.4.4 fails at the last but one: vendor/lua/edits/6-bugs.edit.)
local log = {}
local function note(x) log[#log + 1] = x end
local function logged(wanted)
  local got = table.concat(log, " ")
  log = {}
  assert(got == wanted, got)
end

-- forward and back
do
  note "a"
  goto skip
  note "never"
  ::skip:: note "b"
end
logged "a b"
do
  local i = 1
  ::top::
  if i <= 3 then note(i) i = i + 1 goto top end
end
logged "1 2 3"

-- continue, in each kind of loop
for i = 1, 5 do
  if i % 2 == 0 then goto continue end
  note(i)
  ::continue::
end
logged "1 3 5"
local n = 0
while n < 5 do
  n = n + 1
  if n == 3 then goto continue end
  note(n)
  ::continue::
end
logged "1 2 4 5"
repeat
  n = n - 1
  if n == 2 then goto continue end
  note(n)
  ::continue::
until n == 0
logged "4 3 1 0"

-- out of nested loops
for i = 1, 3 do
  for j = 1, 3 do
    note(i .. j)
    if i * j == 4 then goto out end
  end
end
::out::
logged "11 12 13 21 22"

-- the same label in other blocks and functions
do ::here:: do ::inner:: end end
do ::here:: end
local function f(x)
  if x then goto here end
  do return "no" end
  ::here:: return "yes"
end
assert(f(true) == "yes" and f(false) == "no")

-- a label at the end of a block is behind its locals
do
  local x = 1
  if x then goto done end
  local y = 2
  note(y)
  ::done::
end
logged ""

-- a state machine
local function accepts(s)
  local i = 0
  local function nextc() i = i + 1 return s:sub(i, i) end
  local c
  ::even:: c = nextc()
  if c == "a" then goto odd elseif c == "" then return true else goto even end
  ::odd:: c = nextc()
  if c == "a" then goto even elseif c == "" then return false else goto odd end
end
assert(accepts "" and not accepts "a" and accepts "aba" and not accepts "baaba")

-- each pass over a declaration makes a new variable
local fs = {}
do
  local i = 1
  ::again::
  local v = i * 10
  fs[i] = function() v = v + 1 return v end
  i = i + 1
  if i <= 3 then goto again end
end
assert(fs[1]() == 11 and fs[1]() == 12 and fs[2]() == 21 and fs[3]() == 31)

-- jumping out closes; jumping back closes before the next turn
local function closing(name) return setmetatable({}, { __close = function() note("-" .. name) end }) end
do
  do
    local x <close> = closing "x"
    note "in"
    goto away
  end
  ::away:: note "out"
end
logged "in -x out"
do
  local i = 0
  ::turn::
  do
    local y <close> = closing(i)
    i = i + 1
    if i < 3 then goto turn end
  end
end
logged "-0 -1 -2"
for i = 1, 3 do
  local z <close> = closing(i)
  if i == 2 then break end
  note(i)
end
logged "1 -1 -2"
-- a break closes what its loop closes, also when the loop's variable was captured
local was = false
for k in next, { 1, 2 }, nil, setmetatable({}, { __close = function() was = true end }) do
  local function get() return k end
  if get() == 1 then break end
end
assert(was)
local kept
local i = 0
while true do
  local w <close> = closing "w"
  kept = function() return i end
  i = i + 1
  if i == 2 then break end
end
logged "-w -w"
assert(kept() == 2)
return "jumps hold"
