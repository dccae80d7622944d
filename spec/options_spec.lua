local options = require "options"

local command = {
  arguments = { { "agent", "AGENT" }, { "more", "WORD", many = true, optional = true } },
  flags = {
    { "input", "FILE|-", "the input" }, { "limit", "N", "at most", kind = "count" },
    { "for", "TIME", "how long", kind = "duration" }, { "set", "JSON", "a value", kind = "json" },
    { "follow", nil, "go on" }, { "dry-run", nil, "only say" },
  },
}

local function parse(...)
  local globals = {}
  local args, err = options.parse({ ... }, command, "run", globals)
  return args, err, globals
end

describe("the words of a command line", function()
  it("are arguments and flags in any order, with '=' or without", function()
    local args = parse("--limit", "3", "hello", "--input=-", "--follow", "a", "--dry-run", "b")
    assert.equal("hello", args.agent)
    assert.same({ "a", "b" }, args.more)
    assert.equal(3, args.limit)
    assert.equal("-", args.input)
    assert.is_true(args.follow)
    assert.is_true(args.dry_run)
  end)

  it("are arguments only after --", function()
    local args = parse("--", "--limit", "-x")
    assert.equal("--limit", args.agent)
    assert.same({ "-x" }, args.more)
  end)

  it("may hold negative numbers and a lone dash", function()
    local args = parse("-", "-5", "-.5")
    assert.equal("-", args.agent)
    assert.same({ "-5", "-.5" }, args.more)
  end)

  it("are converted to what a flag takes", function()
    local args = parse("x", "--for", "1h30m", "--set", '{"a":[1]}')
    assert.equal(5400000, args["for"])
    assert.same({ 1 }, args.set.a)
    for _, words in ipairs { { "--limit", "x" }, { "--limit", "-1" }, { "--for", "soon" },
      { "--set", "{" }, { "--follow=yes" } } do
      local _, err = parse("x", table.unpack(words))
      assert.equal("K1004", err.number)
      assert.equal("keel help run", err.next)
      assert.equal(2, err.exit)
    end
  end)

  it("get a suggestion when a flag is misspelt", function()
    local _, err = parse("hello", "--folow")
    assert.equal("K1002", err.number)
    assert.equal("--follow", err.suggestion)
    _, err = parse("hello", "-x")
    assert.equal("K1002", err.number)
    _, err = parse("hello", "--jsn")
    assert.equal("--json", err.suggestion)
  end)

  it("are told when something is missing or too much", function()
    local _, err = parse()
    assert.equal("K1003", err.number)
    _, err = parse("hello", "--input")
    assert.equal("K1003", err.number)
    _, err = options.parse({ "a", "b" }, { arguments = { { "run", "RUN" } } }, "show", {})
    assert.equal("K1004", err.number)
    assert.match("'show' takes one argument", err.message, 1, true)
  end)

  it("may hold the flags of every command anywhere", function()
    local globals, name, rest = options.split { "--json", "--home", "x", "run", "a", "--no-color" }
    assert.equal("run", name)
    assert.is_true(globals.json)
    assert.equal("x", globals.home)
    options.parse(rest, command, name, globals)
    assert.is_true(globals.no_color)
    local _, _, asked = parse("-h")
    assert.is_true(asked.help)
  end)

  it("stay as they are for a command that reads its own, but for the flags of all", function()
    local globals = {}
    local rest = options.take_globals({ "search", "--ns", "x", "--json", "q", "--", "--json" },
      globals, "memory")
    assert.same({ "search", "--ns", "x", "q", "--", "--json" }, rest)
    assert.is_true(globals.json)
  end)
end)

describe("a usage line", function()
  it("is made from what the command declares", function()
    assert.equal("keel run AGENT [WORD...] [--input FILE|-] [--limit N] [--for TIME]"
      .. " [--set JSON] [--follow] [--dry-run]", options.usage(command, "run"))
  end)
end)
