-- expect: ok
-- result: "packing holds"
-- string.pack, unpack and packsize as the manual promises them.
local pack, unpack, packsize = string.pack, string.unpack, string.packsize
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(words, 1, true), message)
end

-- sizes of the native kinds, and of written ones
assert(packsize "b" == 1 and packsize "h" == 2 and packsize "i" == 4 and packsize "l" == 8 and packsize "j" == 8)
assert(packsize "f" == 4 and packsize "d" == 8 and packsize "n" == 8 and packsize "T" == 8)
for n = 1, 16 do assert(packsize("i" .. n) == n and packsize("I" .. n) == n) end
assert(packsize "c10" == 10 and packsize "xx" == 2 and packsize "" == 0 and packsize "< > = !4" == 0)

-- integers of every width, both orders, both signs
for n = 1, 8 do
  local most = n == 8 and math.maxinteger or (1 << (8 * n - 1)) - 1
  for _, v in ipairs { 0, 1, -1, most, -most - 1, most // 3 } do
    local little, big = pack("<i" .. n, v), pack(">i" .. n, v)
    assert(#little == n and little == big:reverse())
    assert(unpack("<i" .. n, little) == v and unpack(">i" .. n, big) == v)
  end
  local u = n == 8 and -1 or (1 << 8 * n) - 1
  assert(pack("<I" .. n, u) == ("\xff"):rep(n) and unpack("<I" .. n, ("\xff"):rep(n)) == u)
end
for n = 9, 16 do		-- wider than an integer: filled with the sign
  assert(pack("<i" .. n, -2) == "\xfe" .. ("\xff"):rep(n - 1) and unpack(">i" .. n, pack(">i" .. n, -2)) == -2)
  assert(pack(">I" .. n, 7) == ("\0"):rep(n - 1) .. "\7")
  raises("does not fit", unpack, "<I" .. n, ("\1"):rep(n))
end
assert(pack("<i3", 0x010203) == "\3\2\1" and pack(">i3", 0x010203) == "\1\2\3")
assert(unpack("B", "\200") == 200 and unpack("b", "\200") == -56)
raises("overflow", pack, "i1", 128)
raises("overflow", pack, "I1", 256)
raises("overflow", pack, "<i2", -32769)

-- floats
for _, v in ipairs { 0.0, -1.5, 2.0 ^ 70, math.huge, -math.huge, 1 / 3 } do
  assert(unpack("<d", pack("<d", v)) == v and unpack(">n", pack(">n", v)) == v)
  assert(pack("<d", v) == pack(">d", v):reverse())
end
assert(unpack("<f", pack("<f", 0.5)) == 0.5 and unpack("<f", pack("<f", 0.1)) ~= 0.1)
assert(pack(">d", 1) == "\x3f\xf0\0\0\0\0\0\0" and pack(">f", -2) == "\xc0\0\0\0")

-- strings: fixed, counted, ended by a zero
assert(pack("c5", "abc") == "abc\0\0" and unpack("c3", "abcde") == "abc")
assert(pack("<s2", "hey") == "\3\0hey" and unpack("<s2", "\3\0heyho") == "hey")
assert(pack("z", "hey") == "hey\0" and select(2, unpack("z", "hey\0ho")) == 5)
assert(unpack(">s1", pack(">s1", ("x"):rep(255))) == ("x"):rep(255))
raises("longer than", pack, "c2", "abc")
raises("string contains zeros", pack, "z", "a\0b")
raises("does not fit", pack, "s1", ("x"):rep(256))
raises("unfinished string", unpack, "z", "abc")
raises("data string too short", unpack, "<i4", "abc")
raises("data string too short", unpack, "s1", "\5abc")
raises("missing size", pack, "c", "x")
raises("variable-length format", packsize, "s")
raises("variable-length format", packsize, "z")

-- alignment, padding
assert(pack("<!4 i1 i4", 1, 2) == "\1\0\0\0\2\0\0\0" and pack("<i1 i4", 1, 2) == "\1\2\0\0\0")
assert(pack("<!8 b Xh i4 i8 c1 Xi8", -12, 100, 200, "\xEC") ==
  "\xf4\0\0\0\100\0\0\0\200\0\0\0\0\0\0\0\xec\0\0\0\0\0\0\0")
assert(packsize "!8 xXi8" == 8 and packsize "<! c3 Xi4" == 4 and packsize "!2 b i4" == 6)
assert(select("#", unpack("<!4 i1 i4", pack("<!4 i1 i4", 1, 2))) == 3)
raises("not power of 2", pack, "!4 i3", 0)
raises("invalid next option for option 'X'", pack, "X")
raises("invalid next option for option 'X'", pack, "Xz")
raises("invalid format option 'r'", pack, "r")
raises("out of limits [1,16]", pack, "i17", 0)
raises("out of limits [1,16]", pack, "!17")
raises("out of limits", pack, "i0", 0)

-- places
local text = pack("<i4 i4 i4", 10, 20, 30)
assert(unpack("<i4", text, 5) == 20 and unpack("<i4", text, -4) == 30)
local a, b, place = unpack("<i4 i4", text)
assert(a == 10 and b == 20 and place == 9)
assert(unpack("", "abc", 4) == 4)
raises("out of string", unpack, "c0", "abc", 5)
assert(select(2, unpack("c0", "abc", -1)) == 3)
local t = { unpack("<" .. ("b"):rep(100), ("\7"):rep(100)) }
assert(#t == 101 and t[100] == 7 and t[101] == 101)
return "packing holds"
