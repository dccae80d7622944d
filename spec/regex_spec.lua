local regex = require "regex"

local function matches(pattern, text)
  return (assert(regex.compile(pattern)):test(text))
end

describe("a pattern", function()
  it("matches anywhere unless it is anchored", function()
    assert.is_true(matches("a+", "xxaayy"))
    assert.is_true(matches("^abc$", "abc"))
    assert.is_false(matches("^abc$", "abc\n"))
    assert.is_true(matches("", ""))
    assert.is_true(matches("a|b|", ""))
  end)

  it("knows classes, groups, choices and counts", function()
    assert.is_true(matches("^(a|bc)*$", "abcbca"))
    assert.is_false(matches("^(a|bc)*$", "abcb"))
    assert.is_true(matches("^\\d{2,3}$", "123"))
    assert.is_false(matches("^\\d{2,3}$", "1234"))
    assert.is_true(matches("^[^a-c]+$", "xyz"))
    assert.is_true(matches("^[\\w.-]+@[\\w-]+(\\.[a-z]{2,})+$", "a.b-c@x-y.example"))
    assert.is_true(matches("^(?:C|PRJ)-\\d+$", "PRJ-12"))
    assert.is_true(matches("^(?<year>\\d{4})-", "2026-03"))
    assert.is_true(matches("\\bfoo\\b", "a foo b"))
    assert.is_false(matches("\\bfoo\\b", "afoob"))
  end)

  it("reads code points, not bytes", function()
    assert.is_true(matches("^🐲{2}$", "🐲🐲"))
    assert.is_true(matches("^.$", "é"))
    assert.is_true(matches("^[à-ü]$", "é"))
    assert.is_true(matches("^\\u{1F432}\\uD83D\\uDC32\\u00e9$", "🐲🐲é"))
    assert.is_true(matches("^\\p{L}+$", "éπж漢"))
    assert.is_false(matches("^\\p{Lu}", "é"))
    assert.is_true(matches("^\\p{Nd}$", "৪"))
    assert.is_false(matches("^\\d$", "৪"))
  end)

  it("looks ahead and behind", function()
    assert.is_true(matches("^(?!foo)\\w+$", "barfoo"))
    assert.is_false(matches("^(?!foo)\\w+$", "foobar"))
    assert.is_true(matches("^(?=.*\\d)(?=.*[a-z]).{6,}$", "abc123"))
    assert.is_false(matches("^(?=.*\\d)(?=.*[a-z]).{6,}$", "abcdef"))
    assert.is_true(matches("(?<=a+)b", "xaab"))
    assert.is_false(matches("(?<!a)b", "ab"))
  end)

  it("takes a brace that counts nothing as a brace", function()
    assert.is_true(matches("^{.*}$", "{x}"))
    assert.is_true(matches("^a{2}{$", "aa{"))
  end)

  it("says what is wrong with it, and where", function()
    local cases = { ["(a"] = "not closed", ["a)"] = "closes nothing",
      ["[a"] = "not closed", ["*a"] = "nothing to repeat",
      ["a{2,1}"] = "out of order", ["[z-a]"] = "out of order",
      ["\\a"] = "means nothing", ["(?i)a"] = "ECMA%-262",
      ["(?P<n>x)"] = "ECMA%-262", ["a\\"] = "backslash", ["\\xZZ"] = "hex",
      ["\\u{110000}"] = "10FFFF", ["\xff"] = "UTF%-8" }
    for pattern, words in pairs(cases) do
      local compiled, problem = regex.compile(pattern)
      assert.is_nil(compiled, pattern)
      assert.match(words, problem.message)
      assert.is_number(problem.at)
      assert.is_nil(problem.unsupported)
    end
  end)

  it("names what it does not support", function()
    for _, pattern in ipairs { "(a)\\1", "(?<n>a)\\k<n>", "\\p{Script=Greek}",
        "(a{1000}){1000}", "a{999999}" } do
      local compiled, problem = regex.compile(pattern)
      assert.is_nil(compiled)
      assert.is_true(problem.unsupported)
    end
  end)

  it("needs time in proportion to the text, however it is nested", function()
    local hostile = { "^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y",
      "^(([a-z])+.)+[A-Z]([a-z])+$", "^(a*)*$", "^((a?){30}){30}$" }
    for _, pattern in ipairs(hostile) do
      local compiled = assert(regex.compile(pattern))
      local text = ("a"):rep(2000) .. "!"
      local answer, left = compiled:test(text, 4000000)
      assert.is_not_nil(answer, pattern)
      if #compiled.program < 100 then
        local _, left_twice = compiled:test(("a"):rep(4000) .. "!", 4000000)
        local once, twice = 4000000 - left, 4000000 - left_twice
        assert.is_true(twice < once * 2.2, pattern)
      end
    end
  end)

  it("stops when its budget of steps is spent", function()
    local compiled = assert(regex.compile("(?=.*a)(?=.*b)x"))
    local answer, message = compiled:test(("c"):rep(20000), 100000)
    assert.is_nil(answer)
    assert.match("too many steps", message)
  end)

  it("never raises and always ends, whatever it is given", function()
    local alphabet = { "a", "b", "(", ")", "[", "]", "{", "}", "*", "+", "?", "|",
      "^", "$", ".", "\\", "d", "1", ",", "-", "(?=", "(?<!", "é", "\xff", "p{L}" }
    local state = 20260302
    local function pick(n)
      state = (state * 1103515245 + 12345) % 2147483648
      return state // 65536 % n + 1
    end
    local compiled_count = 0
    for _ = 1, 5000 do
      local parts = {}
      for i = 1, pick(12) do parts[i] = alphabet[pick(#alphabet)] end
      local compiled, problem = regex.compile(table.concat(parts))
      if compiled then
        compiled_count = compiled_count + 1
        compiled:test("aab1,é-\xffb", 20000)
      else
        assert.is_string(problem.message)
      end
    end
    assert.is_true(compiled_count > 500)
  end)
end)
