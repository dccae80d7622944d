local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"

local agents = {
  hello = [[return agent { version = 1, about = "greets", on = { event = "guest.came", key = "id" },
    input = { type = "object", properties = { who = { type = "string" } } },
    run = function(ctx, input)
      return ctx.step{ name = "greet", run = function() return { text = "Hello " .. (input.who or "you") } end }
    end }]],
  asks = [[return agent { version = 1, run = function(ctx, input)
      local answer = ctx.approve{ subject = "Write to Ana\27[2J", proposal = { to = "ana@example.org",
        body = "Dear Ana,\nK9001 forged: line" }, risk = "low" }
      return { outcome = answer.outcome, value = answer.value, note = answer.note }
    end }]],
  naps = [[return agent { version = 1, run = function(ctx)
      ctx.step{ name = "before", run = function() return 1 end }
      ctx.sleep("200ms")
      return "rested"
    end }]],
  fails = "return agent { version = 1, run = function(ctx)\n  local x\n  return x.field\nend }",
  greedy = [[return agent { version = 1, caps = { instructions = 100000 }, run = function(ctx)
      while true do end
    end }]],
}

local skills = {
  good = [[return skill { version = 1, examples = { { input = { n = 1 }, output = { n = 2 } } },
    ["local"] = function(input) return { n = input.n + 1, more = true } end }]],
  off = [[return skill { version = 1, examples = { { input = { n = 1 }, output = { deep = { n = 3 } } } },
    ["local"] = function(input) return { deep = { n = 2 } } end }]],
}

describe("keel", function()
  local h

  local function ask(words, options)
    table.insert(words, 1, h.path)
    table.insert(words, 1, "--home")
    return keel(words, options)
  end

  local function ask_json(words, options)
    table.insert(words, "--json")
    local result = ask(words, options)
    return assert(json.decode(result.out)), result
  end

  before_each(function() h = home.make { agents = agents, skills = skills } end)
  after_each(function() h:remove() end)

  describe("run", function()
    it("runs an agent on JSON from standard input and tells what came of it", function()
      local result = ask({ "run", "hello", "--input", "-" }, { input = '{"who":"Ana"}' })
      assert.equal(0, result.code)
      assert.match("hello@1  done  1 step", result.out, 1, true)
      assert.match("text: Hello Ana", result.out, 1, true)
      assert.equal("", result.err)
    end)

    it("prints the object of the contract with --json", function()
      local run, result = ask_json { "run", "hello" }
      assert.equal(0, result.code)
      assert.same({ text = "Hello you" }, run.output)
      assert.equal("done", run.state)
      assert.equal("hello", run.agent)
      assert.equal(1, run.version)
      assert.equal(1, run.steps)
      assert.equal("0", run.cost_picousd)
      assert.is_number(run.ms)
      assert.match("^run_", run.run)
    end)

    it("takes a mail or a note as it is", function()
      h:write("note.md", "call Ana")
      h:write("agents/read.lua", [[return agent { version = 1, run = function(ctx, input)
        return { name = input.name, trust = input.trust, subject = input.subject } end }]])
      local run = ask_json { "run", "read", "--file", h.path .. "/note.md" }
      assert.same({ name = "note.md", trust = "external" }, run.output)
      h:write("a.eml", "From: a@example.org\r\nSubject: Hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n")
      run = ask_json { "run", "read", "--file", h.path .. "/a.eml" }
      assert.same({ subject = "Hi", trust = "external" }, run.output)
    end)

    it("points at the place where the input is not JSON", function()
      h:write("in.json", '{\n  "who": }\n')
      local value, result = ask_json { "run", "hello", "--input", h.path .. "/in.json" }
      assert.equal(2, result.code)
      assert.equal("K1010", value.error.number)
      assert.equal(2, value.error.line)
      assert.match("line 2, column", value.error.message, 1, true)
    end)

    it("refuses an input that does not fit, before anything is started", function()
      local value, result = ask_json({ "run", "hello", "--input", "-" }, { input = '{"who":1}' })
      assert.equal("K1011", value.error.number)
      assert.equal(2, result.code)
      assert.same({}, (ask_json { "runs" }))
    end)

    it("exits 3 with the line of a script that failed, 4 at a cap, 6 when it waits", function()
      local result = ask { "run", "fails" }
      assert.equal(3, result.code)
      assert.match("agents/fails.lua:3", result.err, 1, true)
      assert.match(">    3 |   return x.field", result.err, 1, true)
      local run
      run, result = ask_json { "run", "greedy" }
      assert.equal(4, result.code)
      assert.equal("K4001", run.error.number)
      assert.equal(6, ask { "run", "asks" }.code)
      assert.equal(6, ask { "run", "naps" }.code)
    end)

    it("shows steps and waits for timers with --follow", function()
      local result = ask { "run", "naps", "--follow" }
      assert.equal(0, result.code)
      assert.match("1  step before", result.out, 1, true)
      assert.match("rested", result.out, 1, true)
      result = ask { "run", "hello", "--follow", "--json" }
      local lines = {}
      for line in result.out:gmatch("[^\n]+") do lines[#lines + 1] = json.decode(line) end
      assert.equal("greet", lines[1].step.name)
      assert.equal("done", lines[#lines].state)
    end)

    it("suggests the agent that was meant", function()
      local result = ask { "run", "helo" }
      assert.equal(2, result.code)
      assert.match("K1005", result.err, 1, true)
      assert.match("did you mean 'hello'?", result.err, 1, true)
    end)
  end)

  describe("looking", function()
    it("lists runs, shows one with its log, and replays it", function()
      local id = ask_json({ "run", "hello" }).run
      ask { "run", "fails" }
      local list = ask_json { "runs" }
      assert.equal(2, #list)
      assert.equal("fails", list[1].agent)
      assert.equal(id, ask_json({ "runs", "--agent", "hello" })[1].run)
      assert.equal(1, #ask_json { "runs", "--state", "failed", "--since", "1h", "--limit", "5" })
      local shown = ask_json { "show", id }
      assert.equal("greet", shown.log[1].name)
      assert.equal("done", shown.log[1].state)
      assert.same({ text = "Hello you" }, shown.log[1].result)
      assert.match("step greet", ask({ "show", id }).out, 1, true)
      local again, result = ask_json { "replay", id }
      assert.is_true(again.equal)
      assert.equal(0, result.code)
    end)

    it("names the first step at which another source goes another way", function()
      local id = ask_json({ "run", "hello" }).run
      h:write("other.lua", (agents.hello:gsub('name = "greet"', 'name = "shout"')))
      local found, result = ask_json { "replay", id, "--with", h.path .. "/other.lua" }
      assert.is_false(found.equal)
      assert.equal(1, found.at)
      assert.equal(1, result.code)
    end)

    it("has no runs, records or questions in a new home, which is no failure", function()
      assert.same({}, (ask_json { "inbox" }))
      assert.same({}, (ask_json { "records" }))
      assert.equal("no runs\n", ask({ "runs" }).out)
      assert.equal("nothing waits for you\n", ask({ "inbox" }).out)
    end)

    it("refuses a state, a time or a run that there is none of", function()
      local value, result = ask_json { "runs", "--state", "don" }
      assert.equal("K1004", value.error.number)
      assert.equal("done", value.error.suggestion)
      assert.equal(2, ask({ "runs", "--since", "yesterdayish" }).code)
      value, result = ask_json { "show", "run_none" }
      assert.equal("K1007", value.error.number)
      assert.equal(2, result.code)
    end)
  end)

  describe("deciding", function()
    it("shows what would be done, and the commands that decide it", function()
      local result = ask { "run", "asks" }
      local id = ask_json({ "inbox" })[1].id
      assert.match("Write to Ana\\u{1b}[2J", result.out, 1, true)
      assert.match(("approve %s\n"):format(id), result.out, 1, true)
      assert.match("to: ana@example.org", result.out, 1, true)
      assert.is_nil(result.out:find("\27", 1, true))
      assert.is_nil(result.out:find("\nK9001", 1, true))
    end)

    it("goes on with a yes, once", function()
      ask { "run", "asks" }
      local item = ask_json({ "inbox" })[1]
      assert.equal("approval", item.kind)
      assert.equal(64, #item.digest)
      local run, result = ask_json { "approve", item.id, "--note", "fine" }
      assert.equal(0, result.code)
      assert.equal("done", run.state)
      assert.equal("approved", run.output.outcome)
      assert.equal("fine", run.output.note)
      run, result = ask_json { "approve", item.id }
      assert.equal("K1014", run.error.number)
      assert.equal(2, result.code)
    end)

    it("takes another version of what was proposed, and a no", function()
      ask { "run", "asks" }
      local id = ask_json({ "inbox" })[1].id
      assert.equal(2, ask({ "approve", id, "--edit", "{" }).code)
      local run = ask_json { "approve", id, "--edit", '{"to":"bea@example.org"}' }
      assert.equal("edited", run.output.outcome)
      assert.same({ to = "bea@example.org" }, run.output.value)
      ask { "run", "asks" }
      run = ask_json { "reject", ask_json({ "inbox" })[1].id }
      assert.equal("rejected", run.output.outcome)
    end)
  end)

  describe("emit", function()
    it("starts those who listen, once for a key", function()
      local value, result = ask_json { "emit", "guest.came", '{"who":"Ana"}', "--key", "g1" }
      assert.equal(0, result.code)
      assert.equal("hello", value.runs[1].agent)
      value = ask_json { "emit", "guest.came", '{"who":"Ana"}', "--key", "g1" }
      assert.is_false(value.new)
      assert.same({}, value.runs)
      assert.equal(2, ask({ "emit", "guest.came", "{" }).code)
    end)
  end)

  describe("test", function()
    it("runs the examples of skills and tells each difference with its path", function()
      local value, result = ask_json { "test" }
      assert.equal(1, result.code)
      assert.equal(1, value.passed)
      assert.equal(1, value.failed)
      for _, example in ipairs(value.examples) do
        if not example.ok then assert.equal("/deep/n", example.differences[1].path) end
      end
      assert.equal(0, ask({ "test", "good" }).code)
      assert.equal(2, ask({ "test", "goood" }).code)
    end)
  end)

  describe("agents", function()
    it("lists the good ones and tells of the broken", function()
      h:write("agents/broken.lua", "return agent {\n  version = 1,\n  rnu = function() end,\n}")
      local result = ask { "agents" }
      assert.equal(0, result.code)
      assert.match("hello", result.out, 1, true)
      assert.match("guest.came", result.out, 1, true)
      assert.match("agents/broken.lua:3", result.err, 1, true)
      assert.match("did you mean 'run'?", result.err, 1, true)
      assert.equal("hello", ask_json({ "agents", "hello" }).agent)
      assert.equal(10, ask({ "run", "broken" }).code)
    end)
  end)

  describe("sandbox", function()
    it("counts one run a line, and exits with the worst", function()
      h:write("s.lua", "return { n = 1 }")
      local result = ask { "sandbox", h.path .. "/s.lua", "--runs", "2", "--json" }
      assert.equal(0, result.code)
      local count = 0
      for line in result.out:gmatch("[^\n]+") do
        count = count + 1
        local run = json.decode(line)
        assert.equal("ok", run.outcome)
        assert.same({ n = 1 }, run.result)
      end
      assert.equal(2, count)
      h:write("s.lua", "while true do end")
      result = ask { "sandbox", "--instructions=10000", h.path .. "/s.lua", "--json" }
      assert.equal(4, result.code)
      assert.equal(2, ask({ "sandbox", h.path .. "/none.lua" }).code)
    end)
  end)

  describe("lua", function()
    it("hands on every word, and tells where a script failed", function()
      h:write("w.lua", "print(arg[0] ~= nil, ...)")
      assert.equal("true\t--json\t--home\n", keel({ "lua", h.path .. "/w.lua", "--json", "--home" }).out)
      assert.equal("3\n", keel({ "lua", "-e", "print(1 + 2)" }).out)
      assert.equal("4\n", keel({ "lua", "-" }, { input = "print(4)" }).out)
      local result = keel { "lua", "-e", "error('oh')" }
      assert.equal(3, result.code)
      assert.match("oh", result.err, 1, true)
      h:write("w.lua", "local x =\n")
      result = keel { "lua", h.path .. "/w.lua" }
      assert.equal(3, result.code)
      assert.match("K3001", result.err, 1, true)
    end)
  end)

  describe("help", function()
    it("is generated from the commands, and is what keel alone says", function()
      local result = keel {}
      assert.equal(0, result.code)
      assert.match("\n  approve +say yes", result.out)
      assert.equal(result.out, keel({ "help" }).out)
      assert.equal(result.out, keel({ "--help" }).out)
      assert.match("--follow", keel({ "help", "run" }).out, 1, true)
      assert.equal(keel({ "help", "run" }).out, keel({ "run", "--help" }).out)
      assert.match("keel runs", json.decode(keel({ "help", "runs", "--json" }).out).usage, 1, true)
    end)

    it("is there for every command that is listed, with a line about it", function()
      for _, command in ipairs(json.decode(keel({ "help", "--json" }).out)) do
        assert.is_string(command.about, command.command .. " has no line about it")
        assert.is_string(command.usage)
      end
    end)
  end)

  describe("mistakes", function()
    it("exit 2 with a suggestion, in JSON when asked", function()
      local result = keel { "rnu" }
      assert.equal(2, result.code)
      assert.match("did you mean 'run'?", result.err, 1, true)
      result = keel { "runs", "--jsno", "--json" }
      assert.equal(2, result.code)
      local err = json.decode(result.out).error
      assert.equal("K1002", err.number)
      assert.equal("--json", err.suggestion)
      assert.equal("", result.err)
    end)

    it("are explained by their number", function()
      assert.match("unknown_field", keel({ "explain", "K2101" }).out, 1, true)
      assert.equal(10, json.decode(keel({ "explain", "unknown_field", "--json" }).out).exit)
      assert.equal(2, keel({ "explain", "K0" }).code)
      assert.match("K9001", keel({ "explain" }).out, 1, true)
    end)
  end)

  describe("the home", function()
    it("is --home, else KEEL_HOME, else the current folder with a config.lua, else the data folder", function()
      local other = home.make { agents = { other = agents.hello } }
      assert.equal("other", json.decode(keel({ "agents", "--json", "--home", other.path },
        { env = "KEEL_HOME=" .. h.path }).out)[1].agent)
      assert.equal("other", json.decode(keel({ "agents", "--json" },
        { env = "KEEL_HOME=" .. other.path }).out)[1].agent)
      assert.equal("other", json.decode(keel({ "agents", "--json" }, { cd = other.path }).out)[1].agent)
      assert.equal(0, os.execute(("mkdir -p %s/data && cp -r %s %s/data/keel"):format(h.path, other.path,
        h.path)) and 0)
      assert.equal("other", json.decode(keel({ "agents", "--json" },
        { cd = "/", env = "XDG_DATA_HOME=" .. h.path .. "/data" }).out)[1].agent)
      other:remove()
    end)

    it("that is not there is said to be missing", function()
      local result = keel { "runs", "--home", h.path .. "/nowhere", "--json" }
      assert.equal("K1013", json.decode(result.out).error.number)
      assert.equal(2, result.code)
    end)

    it("is locked while another process works in it, but can be looked at", function()
      ask { "run", "hello" }
      h:open()
      local value, result = ask_json { "run", "hello" }
      assert.equal("K9001", value.error.number)
      assert.equal(9, result.code)
      assert.equal(1, #ask_json { "runs" })
    end)
  end)

  it("fails when what it prints does not arrive", function()
    local program = require "spec.support.program"
    for _, words in ipairs { "help", "version", "help --json", "explain K1001" } do
      local _, _, code = os.execute(("%s %s >/dev/full 2>/dev/null"):format(program, words))
      assert.equal(9, code, words)
    end
  end)

  it("says its version, also fast", function()
    assert.match("^keel %d+%.%d+", keel({ "--version" }).out)
    assert.match("^keel %d+%.%d+.*Lua 5%.4", keel({ "version" }).out)
  end)
end)
