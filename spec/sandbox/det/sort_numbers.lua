-- Lists of nothing but numbers are sorted as words; so are those that only begin so, and
-- those with zeros, NaNs and both kinds of numbers, as an order of the script sorts them.
-- expect: ok
-- result: "ok"
local function check(what, n, make)
  local t, c = {}, {}
  for i = 1, n do t[i] = make(i) c[i] = t[i] end
  table.sort(t)
  table.sort(c, function(a, b) return a < b end)
  for i = 1, n do
    assert(tostring(t[i]) == tostring(c[i]) and math.type(t[i]) == math.type(c[i]),
      what .. " " .. n .. " at " .. i .. ": " .. tostring(t[i]) .. " " .. tostring(c[i]))
  end
end
local odd = { 0.0, -0.0, 1.0, -1.0, 1 / 0, -1 / 0 }
local far = { math.maxinteger, math.mininteger, 0, -1, 1 }
for _, n in ipairs { 2, 3, 4, 5, 47, 48, 49, 50, 300, 1500 } do
  check("few values", n, function() return math.random(-10, 10) end)
  check("any integer", n, function() return math.random(0) end)
  check("far apart", n, function(i) return far[i % 5 + 1] end)
  check("in order", n, function(i) return i end)
  check("backwards", n, function(i) return -i end)
  check("floats", n, function() return math.random() - 0.5 end)
  check("sizes", n, function() return (math.random() - 0.5) * 10.0 ^ math.random(-300, 300) end)
  check("tiny", n, function(i) return i % 2 == 0 and 5e-324 or -5e-324 end)
  check("zeros", n, function(i) return odd[i % 6 + 1] end)
  check("mixed", n, function(i) return i % 3 == 0 and -i or i + 0.5 end)
  check("near 2^53", n, function(i) return i % 2 == 0 and 2 ^ 53 + i or (1 << 53) - i end)
end
local nan = { 3.0, 0 / 0, 1.0, 2.0, 0 / 0 }
table.sort(nan)
assert(#nan == 5)
local strings = { 1, 2, 3, 4, "5" }
local ok, message = pcall(table.sort, strings)
assert(not ok and message:find "attempt to compare", message)
assert(strings[1] == 1 and strings[5] == "5")
local before = tostring({})
table.sort { 5, 4, 3, 2, 1 }
local after = tostring({})
local a, b = tonumber(before:match "%x+$", 16), tonumber(after:match "%x+$", 16)
table.sort { "e", "d", "c", "b", "a" }
assert(tonumber(tostring({}):match "%x+$", 16) - b == b - a, "objects are numbered alike, however a list is sorted")
return "ok"
