-- expect: ok
-- result: "utf8 holds"
-- The utf8 library as the manual promises it.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(words, 1, true), message)
end
local text = "aé€😀z"		-- 1, 2, 3, 4, 1 bytes
local codes = { 97, 0xE9, 0x20AC, 0x1F600, 122 }
local begins = { 1, 2, 4, 7, 11 }

-- there and back
assert(utf8.char(table.unpack(codes)) == text and utf8.char() == "" and utf8.char(0) == "\0")
assert(#text == 11 and utf8.len(text) == 5 and utf8.len "" == 0 and utf8.len "\0\0" == 2)
for i, code in ipairs(codes) do
  assert(utf8.codepoint(text, begins[i]) == code and utf8.offset(text, i) == begins[i])
  assert(utf8.offset(text, i - 6) == begins[i] and utf8.len(utf8.char(code)) == 1)
end
assert(table.concat({ utf8.codepoint(text, 1, -1) }, " ") == table.concat(codes, " "))
assert(select("#", utf8.codepoint(text, 5, 4)) == 0 and not pcall(utf8.codepoint, "", 1))

-- codes goes over places and codes
local n = 0
for place, code in utf8.codes(text) do
  n = n + 1
  assert(place == begins[n] and code == codes[n])
end
assert(n == 5)

-- charpattern finds one each
n = 0
for c in text:gmatch(utf8.charpattern) do
  n = n + 1
  assert(utf8.codepoint(c) == codes[n])
end
assert(n == 5)

-- len over a range, from the end, and at the edges
assert(utf8.len(text, 4) == 3 and utf8.len(text, -1) == 1 and utf8.len(text, 1, 3) == 2 and utf8.len(text, 12) == 0)
assert(utf8.len(text, 4, 4) == 1 and utf8.len(text, 2, 1) == 0)
raises("out of bounds", utf8.len, text, 13)
raises("out of bounds", utf8.len, text, 1, 20)

-- offset: zero finds the begin, behind the end is a place too
assert(utf8.offset(text, 0, 5) == 4 and utf8.offset(text, 0, 9) == 7 and utf8.offset(text, 0, 1) == 1)
assert(utf8.offset(text, 6) == 12 and utf8.offset(text, 7) == nil and utf8.offset(text, -6) == nil)
assert(utf8.offset(text, 2, 2) == 4 and utf8.offset(text, -1, 7) == 4 and utf8.offset(text, 1, 12) == 12)
assert(utf8.offset("", 1) == 1 and utf8.offset("", 0) == 1 and utf8.offset("", -1) == nil)
raises("initial position is a continuation byte", utf8.offset, text, 1, 3)
raises("position out of bounds", utf8.offset, text, 1, 13)

-- what is not UTF-8: len tells where, the others raise
local function bad(s, place)
  local len, where = utf8.len(s)
  assert(len == nil and where == place, s)
  raises("invalid UTF-8 code", utf8.codepoint, s, 1, -1)
end
bad("\x80", 1)
bad("a\xff", 2)
bad("ab\xC3", 3)
bad("é\xE2\x82", 3)
bad("\xC0\x80", 1)		-- longer than needed
bad("\xE0\x80\x80", 1)
bad("\xF0\x80\x80\x80", 1)
bad("\xED\xA0\x80", 1)		-- half of a pair
bad("\xF4\x90\x80\x80", 1)	-- above U+10FFFF
raises("invalid UTF-8 code", function() for _ in utf8.codes "a\xffb" do end end)
raises("invalid UTF-8 code", function() for _ in utf8.codes "ab\xC3" do end end)

-- lax takes what older standards took
assert(utf8.len("\u{7FFFFFFF}", 1, -1, true) == 1 and utf8.codepoint("\u{7FFFFFFF}", 1, 1, true) == 0x7FFFFFFF)
assert(utf8.codepoint("\xED\xA0\x80", 1, 1, true) == 0xD800 and utf8.len "\u{7FFFFFFF}" == nil)
for _, code in utf8.codes("\u{200000}x", true) do assert(code == 0x200000 or code == 120) end
assert(#utf8.char(0x7F) == 1 and #utf8.char(0x80) == 2 and #utf8.char(0x7FF) == 2 and #utf8.char(0x800) == 3)
assert(#utf8.char(0xFFFF) == 3 and #utf8.char(0x10000) == 4 and #utf8.char(0x3FFFFFF) == 5 and #utf8.char(0x7FFFFFFF) == 6)
raises("value out of range", utf8.char, -1)
raises("value out of range", utf8.char, 0x80000000)

-- escapes in the source
assert("\u{61}" == "a" and "\u{20AC}" == "€" and "\u{00000061}" == "a" and "\x61\097\z
  b" == "aab")
return "utf8 holds"
