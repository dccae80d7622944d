local terminal = require "terminal"

local function new(options)
  options = options or {}
  local env = options.env or {}
  options.getenv = function(name) return env[name] end
  if options.tty == nil then options.tty = false end
  return terminal.new(options)
end

describe("text of others on a terminal", function()
  it("cannot move the cursor, change colours, hide or turn itself around", function()
    assert.equal("a\\u{1b}[31mb\\r\\n", terminal.escape("a\27[31mb\r\n"))
    assert.equal("\\u{9b}2J", terminal.escape("\u{9b}2J"))
    assert.equal("invoice\\u{202e}exe.pdf", terminal.escape("invoice\u{202e}exe.pdf"))
    assert.equal("a\\u{200b}b\\u{feff}", terminal.escape("a\u{200b}b\u{feff}"))
    assert.equal("\\u{e0041}", terminal.escape("\u{e0041}"))
    assert.equal("\\x00", (terminal.escape("\0"):gsub("\\u{0}", "\\x00")))
  end)

  it("shows bytes that are not UTF-8 and keeps the rest", function()
    assert.equal("é\\xff漢\\xc3", terminal.escape("é\xff漢\xc3"))
    -- a byte that goes on a letter, where there is none to go on: 0x9b alone is an escape
    assert.equal("a\\x9b31m漢\\x80é", terminal.escape("a\x9b31m漢\x80é"))
  end)

  it("keeps its lines apart from ours", function()
    assert.same({ "a", "b    c", "", "d" }, terminal.lines("a\r\nb\tc\n\nd\n"))
    assert.same({ "" }, terminal.lines(""))
  end)

  it("is cut by columns, not by bytes", function()
    assert.equal("漢字…", terminal.fit("漢字漢字", 5))
    assert.equal("漢…", terminal.fit("漢字漢字", 4))
    assert.equal("e\u{301}a", terminal.fit("e\u{301}a", 2))
    assert.equal("abc", terminal.fit("abc", 3))
    assert.equal("ab…", terminal.fit("abcd", 3))
    assert.equal("", terminal.fit("abcd", 0))
    assert.equal(4, terminal.columns("漢字"))
  end)

  it("is broken at spaces, and inside a word only when that is longer than a line", function()
    assert.same({ "the quick", "brown fox" }, terminal.wrap("the quick brown fox", 10))
    for _, line in ipairs(terminal.wrap("  x " .. ("漢"):rep(30) .. " y", 20)) do
      assert.is_true(terminal.columns(line) <= 20)
    end
    assert.same({ "a", "", "b" }, terminal.wrap("a\n\nb", 10))
    assert.same({ "  aaa", "aaaaa", "aa b" }, terminal.wrap("  aaaaaaaaaa b", 5))
  end)
end)

describe("colour", function()
  it("is there on a terminal and nowhere else", function()
    assert.equal("\27[32mdone\27[0m", new { tty = true }:style("good", "done"))
    assert.equal("done", new():style("good", "done"))
  end)

  it("goes away with NO_COLOR, --no-color and a dumb terminal", function()
    assert.is_false(new { tty = true, env = { NO_COLOR = "1" } }.color)
    assert.is_true(new { tty = true, env = { NO_COLOR = "" } }.color)
    assert.is_false(new { tty = true, no_color = true }.color)
    assert.is_false(new { tty = true, env = { TERM = "dumb" } }.color)
    assert.is_true(new { env = { CLICOLOR_FORCE = "1" } }.color)
    assert.is_false(new { env = { CLICOLOR_FORCE = "1", NO_COLOR = "1" } }.color)
  end)
end)

describe("a table", function()
  it("is aligned, and leaves out columns with nothing in them", function()
    assert.equal("run  cost\nr1     $1\nr22   $10\n", new():table(
      { { "run" }, { "empty" }, { "cost", right = true } },
      { { "r1", nil, "$1" }, { "r22", "", "$10" } }))
  end)

  it("fits the terminal by shortening what may be shortened", function()
    local text = new { width = 40 }:table({ { "run" }, { "result", shrink = true } },
      { { "r1", ("long "):rep(30) }, { "r2", "x" } })
    for line in text:gmatch("[^\n]+") do assert.is_true(terminal.columns(line) <= 40) end
    assert.match("…", text, 1, true)
  end)

  it("spells out letters that are blank, joiners that only hide a difference, and heaps of marks", function()
    assert.equal("a\\u{3164}\\u{115f}\\u{ffa0}b", terminal.escape "a\u{3164}\u{115f}\u{ffa0}b")
    assert.equal("exam\\u{200d}ple", terminal.escape "exam\u{200d}ple")
    assert.equal("می\u{200c}خواهم 👩\u{200d}🚀", terminal.escape "می\u{200c}خواهم 👩\u{200d}🚀")
    local heap = terminal.escape("Z" .. ("\u{300}"):rep(50))
    assert.equal("Z" .. ("\u{300}"):rep(8) .. ("\\u{300}"):rep(42), heap)
  end)

  it("takes time for what it shows, not for what there is", function()
    local clock = require "core.clock"
    local function took(fn)
      local began = clock.mono_us()
      fn()
      return clock.mono_us() - began
    end
    local fits, wraps = {}, {}
    for _, letter in ipairs { "x", "é" } do -- ten times the text may take thirty times as long, not a hundred
      local short, long = letter:rep(20000), letter:rep(200000)
      fits[letter] = took(function() terminal.fit(long, 80) end)
      wraps[letter] = took(function() terminal.wrap(long, 80) end) / math.max(took(function() terminal.wrap(short, 80) end), 2000)
      assert.is_true(wraps[letter] < 30, wraps[letter])
      assert.is_true(fits[letter] < 200000, fits[letter])
    end
  end)

  it("keeps a cell with line ends on its line", function()
    assert.equal("a\nx\\ny\n", new():table({ { "a" } }, { { "x\ny" } }))
  end)
end)

describe("quantities", function()
  it("are short for people", function()
    for pico, text in pairs { ["6202000000"] = "$0.0062", ["0"] = "$0", ["1250000000000"] = "$1.25",
      ["95000000000"] = "$0.095", ["99500000000"] = "$0.10", ["-6202000000"] = "-$0.0062",
      ["123456000000000000"] = "$123456.00" } do
      assert.equal(text, terminal.money(pico))
    end
    for ms, text in pairs { [0] = "0 ms", [3.4] = "3 ms", [1234] = "1.2 s", [59999] = "59.9 s",
      [200000] = "3 min 20 s", [7500000] = "2 h 5 min", [90000000] = "1 d 1 h" } do
      assert.equal(text, terminal.took(ms))
    end
    assert.equal("now", terminal.relative(1000, 1500))
    assert.equal("12 s ago", terminal.relative(0, 12000))
    assert.equal("in 2 d", terminal.relative(2 * 86400000, 0))
    assert.equal("3 min ago", terminal.relative(0, 200000))
  end)
end)
