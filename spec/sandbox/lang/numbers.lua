-- expect: ok
-- result: "numbers hold"
-- Integers and floats, their operators, and how text becomes a number and back.
local max, min, huge = math.maxinteger, math.mininteger, math.huge
local function is(kind, v) return math.type(v) == kind end
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(words, 1, true), message)
end

-- kinds of results
assert(is("integer", 3 + 4) and is("float", 3 + 4.0) and is("float", 6 / 2) and is("float", 2 ^ 2))
assert(is("integer", 7 // 2) and is("float", 7 // 2.0) and is("integer", 7 % 2) and is("float", 7.0 % 2))
assert(is("integer", -3) and is("float", -3.0) and is("integer", 3 | 4) and is("integer", 3.0 | 0))
assert(math.type "3" == nil and math.type(nil) == nil and not pcall(math.type))
assert(1 == 1.0 and max + 0.0 == 2.0 ^ 63 and max ~= 2.0 ^ 63 and max < 2.0 ^ 63 and min == -2.0 ^ 63)

-- integers wrap around
assert(max + 1 == min and min - 1 == max and -min == min and max * 2 == -2 and min * -1 == min)
assert(min // -1 == min and min % -1 == 0 and max // -1 == -max)

-- division and remainder round down
assert(7 // 3 == 2 and -7 // 3 == -3 and 7 // -3 == -3 and -7 // -3 == 2)
assert(7 % 3 == 1 and -7 % 3 == 2 and 7 % -3 == -2 and -7 % -3 == -1)
assert(5.5 // 2 == 2.0 and -5.5 // 2 == -3.0 and 5.5 % 2 == 1.5 and -5.5 % 2 == 0.5)
assert(1 % huge == 1.0 and -1 % huge == huge and 1 // huge == 0.0 and -1 // huge == 0.0)
assert(1 / 0 == huge and -1 / 0 == -huge and 1 // 0.0 == huge and 0 / 0 ~= 0 / 0)
for i = -7, 7 do
  for j = -3, 3 do
    if j ~= 0 then
      assert(i == (i // j) * j + i % j and i // j == math.floor(i / j))
      assert((i // j) + 0.0 == (i + 0.0) // j)
    end
  end
end
raises("attempt to divide by zero", function(a) return a // 0 end, 1)
raises("attempt to perform 'n%", function(a) return a % 0 end, 1)

-- bits
assert(0xF0 & 0x3C == 0x30 and 0xF0 | 0x0F == 0xFF and 0xF0 ~ 0xFF == 0x0F and ~0 == -1)
assert(1 << 63 == min and 1 << 64 == 0 and -1 >> 1 == max and -1 >> 63 == 1 and -1 << -1 == max)
assert(1 << min == 0 and 1 >> min == 0 and 2 >> -1 == 4 and 2.0 << 1 == 4)
raises("attempt to perform bitwise operation on a string value", function(a) return a & 1 end, "3")
raises("has no integer representation", function(a) return a & 1 end, 1.5)
raises("has no integer representation", function(a) return a | 0 end, 2.0 ^ 63)
raises("attempt to perform bitwise operation on a table value", function(a) return a ~ 0 end, {})

-- comparison across kinds, and of what is not a number
assert(1 < 1.5 and 1 <= 1.0 and not (1 < 1.0) and max < huge and min > -huge)
assert(2 ^ 53 == 1 << 53 and (1 << 53) + 1 > 2 ^ 53 and max - 1 < max + 0.0 and not (max + 0.0 <= max))
local nan = 0 / 0
assert(not (nan < nan) and not (nan <= nan) and not (nan == nan) and nan ~= nan and not (nan < 1) and not (1 < nan))
raises("attempt to compare number with string", function() return 1 < "2" end)
raises("attempt to compare two table values", function() return {} < {} end)

-- numerals
assert(0xff == 255 and 0xA.8p0 == 10.5 and 0x.1p4 == 1.0 and 1e2 == 100.0 and .5 == 0.5 and 3. == 3.0)
assert(is("integer", 0xff) and is("float", 1e2) and is("float", 3.) and 0xffffffffffffffff == -1)
assert(0x7fffffffffffffff == max and is("float", 9223372036854775808) and -9223372036854775808 == min + 0.0)
assert(0x1ffffffffffffffff == -1 and 1e308 * 10 == huge and 5e-324 > 0)

-- text to numbers
assert(tonumber "10" == 10 and is("integer", tonumber "10") and is("float", tonumber "10.0"))
assert(tonumber "  0x1p4  " == 16.0 and tonumber "0x" == nil and tonumber "" == nil and tonumber " " == nil)
assert(tonumber "1e" == nil and tonumber "1 2" == nil and tonumber "1\0" == nil and tonumber "inf" == nil)
assert(tonumber "nan" == nil and tonumber "-7" == -7 and tonumber "- 7" == nil and tonumber "+.5" == 0.5)
assert(tonumber "9223372036854775807" == max and is("float", tonumber "9223372036854775808"))
assert(tonumber "0x8000000000000000" == min and tonumber("1" .. ("0"):rep(30)) == 1e30)
assert(tonumber("z", 36) == 35 and tonumber("-ff", 16) == -255 and tonumber("11", 2) == 3 and tonumber("12", 2) == nil)
assert(tonumber("7fffffffffffffff", 16) == max and tonumber("ffffffffffffffff", 16) == -1 and tonumber("8", 8) == nil)
assert(tonumber {} == nil and tonumber(nil) == nil and not pcall(tonumber) and not pcall(tonumber, "1", 99))
raises("string expected", tonumber, 10, 16)
assert("10" + 5 == 15 and is("integer", "10" + 5) and "0x10" * 1 == 16 and "3.0" + 1 == 4.0 and -"2" == -2)
assert("10" / 2 == 5.0 and 2 ^ "3" == 8.0 and "7" // "2" == 3 and "7" % 4 == 3)
raises("attempt to add a 'string' with a 'number'", function() return "x" + 1 end)
raises("attempt to perform arithmetic on a nil value", function() return nil + 1 end)

-- numbers to text
assert(tostring(10) == "10" and tostring(10.0) == "10.0" and tostring(-0.0) == "-0.0" and tostring(1e15) == "1e+15")
assert(tostring(1e100) == "1e+100" and tostring(0.1) == "0.1" and tostring(1 / 3) == "0.33333333333333")
assert(tostring(huge) == "inf" and tostring(-huge) == "-inf" and tostring(min) == "-9223372036854775808")
assert(1 .. "" == "1" and 1.0 .. "" == "1.0" and 2 ^ 53 .. "" == "9.007199254741e+15")
for _, v in ipairs { 0, 1, -1, max, min, 1 << 40 } do assert(tonumber(tostring(v)) == v) end
for _, v in ipairs { 0.1, 1 / 3, 2 ^ 70, 5e-324, huge } do
  assert(string.format("%q", v) ~= "" and tonumber(string.format("%.17g", v)) == (v < huge and v or nil))
end

-- the math library
assert(math.floor(3.7) == 3 and math.floor(-3.7) == -4 and math.ceil(3.2) == 4 and math.ceil(-3.7) == -3)
assert(is("integer", math.floor(3.7)) and is("integer", math.ceil(2.0 ^ 40)) and is("float", math.floor(2.0 ^ 70)))
assert(math.tointeger(3.0) == 3 and math.tointeger(3.5) == nil and math.tointeger {} == nil)
assert(math.abs(-3) == 3 and math.abs(min) == min and math.abs(-0.0) == 0.0 and is("integer", math.abs(-3)))
assert(math.fmod(7, 3) == 1 and math.fmod(-7, 3) == -1 and math.fmod(7, -3) == 1 and math.fmod(-6.5, 2) == -0.5)
assert(is("integer", math.fmod(7, 3)) and math.fmod(min, -1) == 0 and not pcall(math.fmod, 1, 0))
local whole, part = math.modf(3.5)
assert(whole == 3.0 and part == 0.5 and is("float", part))
whole, part = math.modf(-3.5)
assert(whole == -3.0 and part == -0.5)
whole, part = math.modf(huge)
assert(whole == huge and part == 0.0)
assert(math.max(1, 2.5) == 2.5 and math.min(3, 1, 2) == 1 and is("integer", math.max(1, 2)) and not pcall(math.max))
assert(math.ult(1, -1) and not math.ult(-1, 1) and math.ult(0, min) and not math.ult(1, 1))
assert(math.sqrt(16) == 4.0 and math.exp(0) == 1.0 and math.log(8, 2) == 3.0 and math.log(1000, 10) - 3 < 1e-9)
assert(math.abs(math.sin(math.pi / 2) - 1) < 1e-15 and math.abs(math.cos(math.pi) + 1) < 1e-15)
assert(math.atan(1, 1) == math.pi / 4 and math.atan(0, -1) == math.pi and math.tan(0) == 0.0)

-- chance: in its range, and the same after the same seed
math.randomseed(42)
local first = { math.random(0), math.random(), math.random(10), math.random(-5, 5), math.random(min, max) }
math.randomseed(42)
for i, v in ipairs { math.random(0), math.random(), math.random(10), math.random(-5, 5), math.random(min, max) } do
  assert(v == first[i])
end
local seen = {}
for _ = 1, 2000 do
  local u, d = math.random(), math.random(6)
  assert(u >= 0 and u < 1 and is("float", u) and d >= 1 and d <= 6 and is("integer", d))
  seen[d] = true
end
assert(#seen == 6 and math.random(3, 3) == 3)
raises("interval is empty", math.random, 2, 1)
raises("interval is empty", math.random, 0 - 1)
raises("wrong number of arguments", math.random, 1, 2, 3)
raises("number has no integer representation", math.random, 1.5)
return "numbers hold"
