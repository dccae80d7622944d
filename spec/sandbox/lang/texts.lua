-- expect: ok
-- result: "texts hold"
-- Strings: literals, the string library beside patterns, format, tostring.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(words, 1, true), message)
end
local format = string.format

-- literals
assert("\65\066\x43\u{44}" == "ABCD" and '\'"' == "'\"" and "a\
b" == "a\nb" and "a\z
         b" == "ab" and [[
x]] == "x" and [==[a]]b]==] == "a]]b" and #"\a\b\f\n\r\t\v\\" == 8 and "\0a" ~= "\0")

-- comparison by bytes, zeros and prefixes included
assert("a" < "b" and "a" < "aa" and "" < "a" and "Z" < "a" and "a\0a" < "a\0b" and "a" < "a\0" and not ("b" < "a"))
assert("\127" < "\128" and "10" < "9" and ("x"):rep(300) < ("x"):rep(300) .. "\0" and "a" <= "a")

-- sub, byte, char
assert(("hello"):sub(2, 4) == "ell" and ("hello"):sub(-3) == "llo" and ("hello"):sub(2) == "ello" and ("hello"):sub(4, 2) == "")
assert(("hello"):sub(0) == "hello" and ("hello"):sub(-100, 100) == "hello" and ("hello"):sub(6) == "" and ("hello"):sub(-1, -1) == "o")
assert(("hi"):sub(math.mininteger, math.maxinteger) == "hi" and ("hi"):sub(math.maxinteger, math.mininteger) == "")
assert(("A"):byte() == 65 and select("#", ("abc"):byte(1, -1)) == 3 and select("#", ("abc"):byte(10)) == 0 and ("abc"):byte(-1) == 99)
assert(string.char() == "" and string.char(0, 255) == "\0\xff" and string.char(("h\0i"):byte(1, -1)) == "h\0i")
raises("value out of range", string.char, 256)
raises("value out of range", string.char, -1)

-- rep, reverse, case, len
assert(("ab"):rep(3) == "ababab" and ("ab"):rep(3, ",") == "ab,ab,ab" and ("ab"):rep(0) == "" and ("ab"):rep(-1) == "" and ("ab"):rep(1, ",") == "ab")
assert((""):rep(1000) == "" and (""):rep(3, ".") == ".." and #("x"):rep(10000) == 10000)
assert(("abc"):reverse() == "cba" and (""):reverse() == "" and ("a\0b"):reverse() == "b\0a")
assert(("aBc1é"):upper() == "ABC1é" and ("aBc1É"):lower() == "abc1É" and ("a\0b"):len() == 3 and #"é" == 2)
raises("resulting string too large", string.rep, "x", math.maxinteger)
raises("resulting string too large", string.rep, "ab", 1 << 62, ",")

-- concatenation of numbers and through __concat
assert(1 .. 2 == "12" and "a" .. 1.5 == "a1.5" and "a" .. "b" .. "c" .. "d" == "abcd")
local c = setmetatable({}, { __concat = function(a, b) return (type(a) == "table" and "T" or a) .. "+" .. (type(b) == "table" and "T" or b) end })
assert(c .. "x" == "T+x" and "x" .. c == "x+T" and 1 .. c == "1+T" and c .. c == "T+T" and ("a" .. "b") .. c == "ab+T")
raises("attempt to concatenate a nil value", function() return "a" .. nil end)
raises("attempt to concatenate a table value (local 't')", function() local t = {} return t .. "a" end)

-- format
assert(format("%d %5d|%-5d|%05d|%+d", 1, 2, 3, 4, 5) == "1     2|3    |00004|+5" and format("%d", 3.0) == "3")
assert(format("%x %X %#x %o", 255, 255, 255, 8) == "ff FF 0xff 10" and format("%c%c", 72, 105) == "Hi")
assert(format("%.3f %5.1f|%e|%g|%g", 1 / 3, 2.25, 1e10, 1e20, 0.1) == "0.333   2.2|1.000000e+10|1e+20|0.1")
assert(format("%s %10s|%-10s|%.2s", "a", "b", "c", "defg") == "a          b|c         |de" and format("%%") == "%")
assert(format("%s %s %s", nil, true, 12) == "nil true 12" and format("%i", 7) == "7" and format("%5s", "é") == "   é")
assert(format("%a", 1) == "0x1p+0" and format("%g", 1e300 * 1e10) == "inf" and format("%.14g", 2 ^ 53) == "9.007199254741e+15")
assert(format("%q", 'a\n"\\\0\1') == '"a\\\n\\"\\\\\\0\\1"' and format("%q", 10) == "10" and format("%q", 1 / 2) == "0x1p-1")
assert(format("%q", math.mininteger) == "0x8000000000000000" and format("%q", 1 / 0) == "1e9999" and format("%q", "\0011") == '"\\0011"')
assert(format("%s", setmetatable({}, { __tostring = function() return "mine" end })) == "mine")
assert(format("%p", 1) == "(null)" and format("%p", nil) == "(null)" and format("%p", true) == "(null)")
local t1, t2 = {}, {}
assert(format("%p", t1) == format("%p", t1) and format("%p", t1) ~= format("%p", t2) and format("%30p", t1):len() == 30)
assert(#format("%99.99f", -1e300) > 300 and format("%s", ("x"):rep(1000)) == ("x"):rep(1000))
raises("bad argument #2 to 'format' (number expected, got string)", function() string.format("%d", "x") end)
raises("no value", format, "%d")
raises("number has no integer representation", format, "%d", 1.5)
raises("invalid conversion '%y' to 'format'", format, "%y", 1)
raises("invalid conversion", format, "%", 1)
raises("invalid conversion", format, "%123d", 1)
raises("cannot have modifiers", format, "%5q", "x")
raises("value has no literal form", format, "%q", {})

-- tostring
assert(tostring(nil) == "nil" and tostring(false) == "false" and tostring "x" == "x" and tostring(-0.0) == "-0.0")
assert(tostring(t1):find "^table: " and tostring(print):find "^function: " and tostring(coroutine.create(print)):find "^thread: ")
assert(tostring(t1) == tostring(t1) and tostring(t1) ~= tostring(t2))
assert(tostring(setmetatable({}, { __name = "My.Type" })):find "^My.Type: ")
raises("'__tostring' must return a string", tostring, setmetatable({}, { __tostring = function() return {} end }))
raises("value expected", tostring)

-- methods of strings, through their metatable
assert(("x"):len() == 1 and ("%d"):format(5) == "5" and #("abc"):upper():lower() == 3)
local s = "indexed"
assert(s.len == string.len and s.none == nil and s[1] == nil)
raises("attempt to index a nil value", function() return s.none.x end)
raises("attempt to call a nil value (method 'none')", function() return s:none() end)
return "texts hold"
