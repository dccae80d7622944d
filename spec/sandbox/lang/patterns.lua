-- expect: ok
-- result: "patterns hold"
-- string.find, match, gmatch, gsub as the manual promises them.
local function raises(words, f, ...)
  local ok, message = pcall(f, ...)
  assert(not ok and message:find(words, 1, true), message)
end
local function same(wanted, ...)
  local got = table.pack(...)
  assert(got.n == (wanted.n or #wanted), got.n)
  for i = 1, got.n do assert(got[i] == wanted[i], tostring(got[i])) end
end

-- find: places, init, plain, captures behind the places
same({ 1, 3 }, ("hello"):find "hel")
same({ 3, 4 }, ("hello"):find "ll")
same({ 1, 0 }, ("hello"):find "")
same({ 6, 5 }, ("hello"):find("", 6))
same({ n = 1 }, ("hello"):find("", 7))
same({ 4, 4 }, ("hello"):find("l", 4))
same({ 4, 4 }, ("hello"):find("l", -2))
same({ 1, 1 }, ("hello"):find("h", -50))
same({ 2, 3 }, ("a.b"):find(".b", 1, true))
same({ 1, 2 }, (".b"):find(".b", 1, true))
same({ n = 1 }, ("axb"):find("a.b", 1, true))
same({ 1, 3, "x" }, ("axb"):find "a(.)b")
same({ 3, 4 }, ("a\0b\0c"):find "b%z")
same({ 2, 2 }, ("a\0b"):find "\0")

-- classes and their complements, over all bytes
local classes = { a = "%a", c = "%c", d = "%d", g = "%g", l = "%l", p = "%p", s = "%s", u = "%u", w = "%w", x = "%x" }
for letter, class in pairs(classes) do
  for byte = 0, 255 do
    local c = string.char(byte)
    local yes, no = c:find(class), c:find("%" .. letter:upper())
    assert((yes == nil) ~= (no == nil), letter)
    assert((c:find("[" .. class .. "]") == nil) == (yes == nil))
    assert((c:find("[^" .. class .. "]") == nil) == (no == nil))
  end
end
local function count(class)
  local n = 0
  for byte = 0, 255 do if string.char(byte):find(class) then n = n + 1 end end
  return n
end
assert(count "%a" == 52 and count "%d" == 10 and count "%w" == 62 and count "%x" == 22)
assert(count "%l" == 26 and count "%u" == 26 and count "%s" == 6 and count "%p" == 32)
assert(count "%c" == 33 and count "%g" == 94 and count "." == 256)

-- sets
assert(("abc-]"):match "[]]" == "]" and ("abc-]"):match "[a-]+" == "a" and ("-"):match "[a-]" == "-")
assert(("x^"):match "[x^]+" == "x^" and ("]^-a"):match "[]^a-]+" == "]^-a")
assert(("alo_09"):match "[%w_]+" == "alo_09" and ("0xFg"):match "^0x%x+" == "0xF")
assert(("b"):match "[a-c]" == "b" and not ("d"):match "[a-c]" and ("d"):match "[^a-c]" == "d")

-- repetition: greedy, lazy, optional
assert(("aaab"):match "a*" == "aaa" and ("aaab"):match "a-b" == "aaab" and ("aaab"):match "a-" == "")
assert(("baaa"):match "a*" == "" and ("baaa"):match "a+" == "aaa" and ("b"):match "a?b" == "b")
assert(("<a><b>"):match "<.->" == "<a>" and ("<a><b>"):match "<.*>" == "<a><b>")
assert(("-12"):match "^[+-]?%d+$" == "-12" and not ("12-"):match "^[+-]?%d+$")

-- anchors; inside they are plain
assert(("abc"):match "^b" == nil and ("abc"):match "c$" == "c" and ("a^b$c"):match "a^b$c" == "a^b$c")
assert(("abc"):find("^b", 2) == 2 and ("$"):match "^$" == nil and (""):match "^$" == "")

-- captures
same({ "key", "value" }, ("key = value"):match "(%w+)%s*=%s*(%w+)")
same({ 1, 4 }, ("abc"):match "()%a+()")
same({ "abc", "b", "c" }, ("abc"):match "(a(b)(c))")
same({ "" }, ("x"):match "()x" == 1 and "" or "wrong")
assert(("=[[x]]="):match "(=)%[(%[)x" == "=" and ('say "hi"'):match [[(["'])(.-)%1]] == '"')
assert(("hello hello"):match "(%a+) %1" == "hello" and not ("hello hallo"):match "(%a+) %1")

-- %b and %f
assert(("f(a(b)c)d)"):match "%b()" == "(a(b)c)" and ("(((a)"):match "%b()" == "(a)")
assert(("THE (quick) fox"):find "%f[%a]%a+%f[%A]" == 1)
assert(select(2, ("THE (quick) fox"):gsub("%f[%a]%a+", "")) == 3)
assert(("x"):match "x%f[\0]" == "x")

-- gmatch
local words = {}
for w in ("one two  three"):gmatch "%a+" do words[#words + 1] = w end
assert(table.concat(words, ",") == "one,two,three")
local pairs_of = {}
for k, v in ("a=1, b=2"):gmatch "(%w+)=(%w+)" do pairs_of[k] = v end
assert(pairs_of.a == "1" and pairs_of.b == "2")
local places = {}
for p in ("abc"):gmatch "()" do places[#places + 1] = p end
assert(table.concat(places, " ") == "1 2 3 4")
local from = {}
for w in ("a b c"):gmatch("%a", 3) do from[#from + 1] = w end
assert(#from == 2 and from[1] == "b")
for w in ("a b c"):gmatch("%a", -1) do assert(w == "c") end
local twice = ("ab"):gmatch "."
assert(twice() == "a" and coroutine.wrap(twice)() == "b" and twice() == nil)

-- gsub: text, table, function, count, limits
same({ "hexxo", 2 }, ("hello"):gsub("l", "x"))
same({ "hexlo", 1 }, ("hello"):gsub("l", "x", 1))
same({ "hello", 0 }, ("hello"):gsub("l", "x", 0))
same({ "-h-i-", 3 }, ("hi"):gsub("", "-"))
same({ "<h><i>", 2 }, ("hi"):gsub(".", "<%0>"))
same({ "ih", 1 }, ("hi"):gsub("(h)(i)", "%2%1"))
same({ "100%", 1 }, ("100p"):gsub("p", "%%"))
same({ "$X-Y", 2 }, ("$a-b"):gsub("%a", { a = "X", b = "Y" }))
same({ "A-b", 2 }, ("a-b"):gsub("%a", { a = "A", b = false }))
same({ "1 2 n", 3 }, ("a b n"):gsub("%a", function(c) if c < "c" then return c:byte() - 96 end end))
same({ "bba", 1 }, ("aba"):gsub("^a", "b"))
same({ "ab.", 1 }, ("ab  "):gsub("%s+$", "."))
assert((" trim me "):gsub("^%s*(.-)%s*$", "%1") == "trim me")
assert(("abc"):gsub("%w", "%0%0") == "aabbcc" and ("a,b,c"):gsub(",", "\0") == "a\0b\0c")
local through = setmetatable({}, { __index = function(_, k) return k:upper() end })
assert(("abc"):gsub("%w", through) == "ABC")

-- what is malformed is said
raises("malformed pattern (ends with '%')", string.find, "a", "%")
raises("malformed pattern (missing ']')", string.find, "a", "[a")
raises("malformed pattern (missing ']')", string.find, "a", "[^]")
raises("malformed pattern (missing arguments to '%b')", string.find, "a", "%b(")
raises("missing '[' after '%f' in pattern", string.find, "a", "%fa")
raises("unfinished capture", string.find, "a", "(a")
raises("invalid pattern capture", string.match, "a", "a)")
raises("invalid capture index", string.find, "a", "(a)%2")
raises("invalid capture index", string.gsub, "alo", ".", "%2")
raises("invalid use of '%' in replacement string", string.gsub, "alo", ".", "%x")
raises("invalid replacement value (a table)", string.gsub, "alo", ".", function() return {} end)
raises("string/function/table expected", string.gsub, "alo", ".", true)
raises("too many captures", string.find, "a", ("()"):rep(33))
assert(select("#", ("a"):find(("()"):rep(32))) == 34)
raises("pattern too complex", string.match, ("x"):rep(300000), ("x?"):rep(250000))
return "patterns hold"
