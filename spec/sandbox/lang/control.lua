-- expect: ok
-- result: "control holds"
-- Control structures, precedence, logic, assignment, and what the compiler computes.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and tostring(message):find(words, 1, true), message)
end

-- precedence and associativity
assert(2 ^ 3 ^ 2 == 2 ^ 9 and 2 ^ 3 * 4 == 32 and -2 ^ 2 == -4 and 2 ^ -1 == 0.5 and not nil == true and #"ab" .. 1 == "21")
assert(1 + 2 * 3 - 4 // 2 == 5 and -3 % 5 == 2 and -(3 % 5) == -3 and 2 * 3 % 4 == 2 and "a" .. 1 + 2 == "a3")
assert("a" .. "b" == "ab" and 1 .. 2 .. 3 == "123" and 1 < 2 == true and not (1 > 2) and not 1 == 2 == false)
assert(1 << 2 + 1 == 8 and 6 & 3 | 8 == 10 and 5 ~ 1 | 2 == 6 and 1 | 2 ~ 3 & 2 == 1 and ~1 & 3 == 2)
assert((1 | 2) == 3 and 1 | 2 == 3 and not (1 < 2 and 2 < 1) and -2 .. "" == "-2" and 2 ^ #"ab" == 4.0)
assert(7 - 3 - 2 == 2 and 2 / 2 / 2 == 0.5 and 8 // 3 // 2 == 1 and 1 << 1 << 1 == 4)

-- and, or, not: values, and only what is needed is computed
local calls = 0
local function yes() calls = calls + 1 return 1 end
assert((nil and yes()) == nil and (false and yes()) == false and (1 or yes()) == 1 and calls == 0)
assert((1 and nil) == nil and (false or nil) == nil and (nil or false) == false and (0 and "zero is true") and ("" and true))
assert((1 and 2 or 3) == 2 and (nil and 2 or 3) == 3 and (false == false) and not not 1 == true and not nil)
local function tri(a, b, c) return a and b or c end
assert(tri(true, 1, 2) == 1 and tri(false, 1, 2) == 2 and tri(true, false, 2) == 2)
local v <const>, w <const> = nil, false
assert((v or w) == false and (w or v) == nil and (v and w) == nil and not v and not w)
for _, a in ipairs { true, false } do
  for _, b in ipairs { true, false } do
    for _, c in ipairs { true, false } do
      assert(((a and b) or c) == (function() if a then if b then return true end end return c end)())
      assert((not a or b and not c) == (function() if not a then return true end return b and not c end)())
      assert((a == b) ~= (a ~= b) and (a and b and c) == not (not a or not b or not c))
      local x = 0
      if a and (b or c) then x = 1 elseif not c and b then x = 2 else x = 3 end
      assert(x == ((a and (b or c)) and 1 or (not c and b) and 2 or 3))
      while a and b or c do x = x + 1 if x > 10 then break end end
      assert((x > 10) == ((a and b) or c))
    end
  end
end

-- assignment: all is computed before anything is stored
local i, t = 1, {}
i, t[i] = i + 1, 20
assert(i == 2 and t[1] == 20 and t[2] == nil)
local x, y, z = 1, 2, 3
x, y, z = z, x, y
assert(x == 3 and y == 1 and z == 2)
x, y = 1
assert(x == 1 and y == nil)
x, y = 1, 2, 3
assert(x == 1 and y == 2)
do
  local a = { 1, 2 }
  local b = a
  a, a[1] = nil, "kept"
  assert(a == nil and b[1] == "kept")
  local k = 1
  k, b[k], b[k + 1] = 5, "one", "two"
  assert(k == 5 and b[1] == "one" and b[2] == "two")
end

-- numeric for: bounds, steps, edges, own variable
local function run(a, b, c)
  local out = {}
  for j = a, b, c or 1 do
    out[#out + 1] = j
    if #out > 20 then break end
  end
  return table.concat(out, " ")
end
assert(run(1, 3) == "1 2 3" and run(3, 1) == "" and run(3, 1, -1) == "3 2 1" and run(1, 2, 0.5) == "1.0 1.5 2.0")
assert(run(1, 3.9) == "1 2 3" and run(1.0, 3) == "1.0 2.0 3.0" and run(-1, -3, -1) == "-1 -2 -3" and run(1, 10, 4) == "1 5 9")
assert(run(math.maxinteger - 1, math.maxinteger) == "9223372036854775806 9223372036854775807")
assert(run(math.mininteger, math.mininteger + 1) == "-9223372036854775808 -9223372036854775807")
assert(run(math.maxinteger, math.huge) == "9223372036854775807" and run(1, -math.huge) == "" and run(1, 0 / 0) == "")
assert(run(1, 3, math.maxinteger) == "1" and run(3, 1, math.mininteger) == "3" and run(math.huge, 1) == "")
for j = 1, 3 do local k = j; j = 10; assert(j == 10 and k <= 3) end
raises("'for' step is zero", function() for _ = 1, 2, 0 do end end)
raises("'for' initial value", function() for _ = "a", 2 do end end)
raises("'for' limit", function() for _ = 1, {} do end end)
raises("'for' step", function() for _ = 1, 2, "x" do end end)

-- generic for
local function range(n) return function(s, c) if c < s then return c + 1, c * c end end, n, 0 end
local sum = 0
for c, sq in range(4) do sum = sum + c * 100 + sq end
assert(sum == 1014)
for _ in function() end do error "not reached" end
raises("attempt to call a nil value", function() for _ in nil do end end)
local closed
for k in next, { 1 }, nil, setmetatable({}, { __close = function() closed = k end }) do end
closed = nil
for k in next, { 1, 2, 3 }, nil, setmetatable({}, { __close = function() closed = true end }) do if k == 2 then break end end
assert(closed)

-- while, repeat, break, nested
local n = 0
while true do
  n = n + 1
  repeat
    if n % 2 == 0 then break end
    n = n + 10
  until n > 0
  if n > 50 then break end
end
assert(n > 50)
repeat local done = n > 0 until done
for a = 1, 3 do for b = 1, 3 do if b == 2 then break end n = n + a * b end end

-- scope: shadowing, blocks, locals begin after their statement
local s = 1
do local s = s + 1; assert(s == 2); local s = s * 10; assert(s == 20) end
assert(s == 1)
local f = function() return f end
assert(f() == nil)
local function g() return g end
assert(g() == g)

-- what the compiler computes is what the machine computes
local one, zero, half, big = 1, 0, 0.5, math.maxinteger
assert(1 + 2 == one + 2 and 0x7fffffffffffffff + 1 == big + 1 and 3 // 2 == (one + 2) // 2 and 5 % -3 == (one * 5) % -3)
assert(2 ^ 0.5 == 2 ^ half and 1 / 3 == one / 3 and 1 << 62 == one << 62 and ~0 == ~zero and -0.0 == -(half - half))
assert(1 / (-0.0) == -math.huge and 1 / -(half - half) == -math.huge and 0.0 == -0.0 and 3 | 4.0 == one + 2 | 4)
assert(10 // 0.0 == math.huge and 10 % math.huge == 10.0 and -10 % math.huge == math.huge)
raises("attempt to divide by zero", function() return 1 // 0 end)
return "control holds"
