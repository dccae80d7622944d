--- keel dev: an agent is run again at each save, in a trial home.
local difference = require "dev.difference"
local file = require "file"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local program = require "spec.support.program"
local pty = require "spec.support.pty"
local server = require "spec.support.server"

local pay = [[return agent { version = 1, uses = { "double" },
  run = function(ctx, input)
    local a = ctx.step { name = "fetch", run = function() return { n = 1 } end }
    ctx.sleep("2d")
    local v = ctx.approve { subject = "pay", proposal = { sum = a.n * 10 }, within = "4h", otherwise = "hold" }
    if v.approved then ctx.skill.mail { op = "send", to = "ana@example.org", body = "paid" } end
    return { paid = v.approved, n = ctx.skill.double { n = a.n }.n }
  end }]]

local double = [[return skill { version = 1, input = { type = "object" }, output = { type = "object" },
  examples = { { input = { n = 2 }, output = { n = 4 } } },
  ["local"] = function(input) return { n = 2 * input.n } end }]]

describe("keel dev", function()
  local here, pipe, lines, screen

  before_each(function()
    here = home.make { agents = { pay = (pay:gsub("{ \"double\" }", "{ \"double\", \"mail\" }")), hello = home.agent "return { who = input.who or 'you' }" },
      skills = { double = double }, config = [[return { zone = "UTC", owner = "Mira", adapters = { mail = "outbox" } }]] }
    lines = {}
  end)

  after_each(function()
    if pipe then
      os.execute("kill $(cat '" .. here.path .. "/var/pid')") -- timeout(1) passes it on
      pipe:close()
    end
    if screen then
      screen:send "q\r"
      screen:finish()
    end
    pipe, screen = nil, nil
    here:remove()
  end)

  local function start(words)
    local out = here.path .. "/var/out"
    pipe = assert(io.popen(("echo $$ >'%s/var/pid'; exec timeout -s KILL 60 '%s' dev --home '%s' --json %s >'%s' 2>'%s/var/err'"):format(here.path, program, here.path,
      words, out, here.path)))
    return out
  end

  --- The first line for which `fn` is true.
  local function line(out, fn, what)
    return server.eventually(function()
      lines = {}
      for text in (file.read(out) or ""):gmatch "([^\n]*)\n" do lines[#lines + 1] = json.decode(text) end
      for i = 1, #lines do
        if fn(lines[i]) then return lines[i] end
      end
    end, (what or "a line") .. ": " .. (file.read(here.path .. "/var/err") or ""))
  end

  local function outcome_of(version) return function(one) return one.run and one.run.version == version end end

  it("runs once, and ends with the exit code of the run", function()
    local got = keel { "dev", "hello", "--once", "--home", here.path }
    assert.equal(0, got.code)
    assert.truthy(got.out:find("who: you", 1, true))
    here:write("in.json", '{"who":"Ana"}')
    got = keel { "dev", "hello", "--once", "--json", "--input", here.path .. "/in.json", "--home", here.path }
    assert.equal("Ana", json.decode(got.out:match "[^\n]+").run.output.who)
    assert.equal(6, keel({ "dev", "pay", "--once", "--home", here.path }).code)
    assert.equal(2, keel({ "dev", "helo", "--once", "--home", here.path }).code)
    assert.equal(2, keel({ "dev", "hello", "--once", "--home", here.path .. "/none" }).code)
  end)

  it("takes the input of the last recorded run, what was learned, and leaves the home as it was", function()
    here:write("agents/notes.lua", home.agent [[local m = ctx.memory.get { kind = "k", key = "a" }
      ctx.memory.remember { kind = "k", key = "a", text = "changed" } return { was = m and m.text, who = input.who }]])
    local e = here:open()
    assert(e:memory():remember { ns = "main", kind = "k", key = "a", text = "as it was" })
    here:run("notes", { who = "Eva" })
    assert(e:memory():remember { ns = "main", kind = "k", key = "a", text = "as it was" })
    local count = #e:list {}
    e:close()
    local got = keel { "dev", "notes", "--once", "--json", "--home", here.path }
    local run = json.decode(got.out:match "[^\n]*\"run\"[^\n]*output[^\n]*").run
    assert.same({ "as it was", "Eva" }, { run.output.was, run.output.who })
    e = here:open()
    assert.equal("as it was", e:memory():get({ ns = "main", kind = "k", key = "a" }).text)
    assert.equal(count, #e:list {})
  end)

  it("lets nothing leave: mail lies in the trial's outbox, time that is slept is skipped", function()
    local got = keel { "dev", "pay", "--once", "--approve", "--home", here.path }
    assert.equal(0, got.code)
    assert.truthy(got.out:find("slept 2 d in no time", 1, true))
    assert.is_nil(here:read "var/outbox.jsonl")
    assert.truthy(here:read("var/dev/var/outbox.jsonl"):find("ana@example.org", 1, true))
    got = keel { "dev", "pay", "--once", "--reject", "--json", "--home", here.path }
    assert.truthy(got.out:find('"paid":false', 1, true))
  end)

  it("asks no model, and takes what recorded runs were told", function()
    here:write("agents/asks.lua", home.agent "local text, err = ctx.model { tier = 'small', prompt = 'hi' } return { text = text, code = err and err.code }")
    local got = keel { "dev", "asks", "--once", "--json", "--home", here.path }
    assert.equal("not_live", json.decode(got.out:match "[^\n]*\"output\"[^\n]*").run.output.code)
  end)

  it("runs again at each save, and says what is another than before and where recorded runs would leave", function()
    local e = here:open()
    here:run "pay"
    e:close()
    here.engine = nil
    local out = start "pay --approve"
    line(out, outcome_of(1), "the first run")
    local text = here:read "agents/pay.lua"
    here:write("agents/pay.lua", (text:gsub("n = 1 }", "n = 3 }"):gsub("version = 1", "version = 2")))
    local run = line(out, outcome_of(2), "the second run")
    assert.equal(6, run.run.output.n)
    assert.is_number(run.saved_to_result_ms)
    local changed = {}
    for _, step in ipairs(run.diff.steps.changed) do changed[step.name] = step.differences end
    assert.same({ path = "result/n", from = 1, to = 3 }, changed.fetch[1])
    assert.same({ { path = "/n", from = 2, to = 6 } }, run.diff.output)
    assert.same({}, run.diff.steps.added)
    here:write("agents/pay.lua", (text:gsub('"fetch"', '"get"'):gsub("version = 1", "version = 3")))
    run = line(out, outcome_of(3), "the third run")
    assert.equal("get", run.diff.steps.added[1].name)
    assert.equal("fetch", run.diff.steps.removed[1].name)
    local replay = line(out, function(one) return one.replay and not one.replay.equal end, "a replay").replay
    assert.same({ 1, "agents/pay.lua", 3 }, { replay.at, replay.file, replay.line })
  end)

  it("keeps the last good version of a broken save, and runs when it is mended", function()
    local out = start "hello"
    line(out, outcome_of(1))
    local text = here:read "agents/hello.lua"
    here:write("agents/hello.lua", "return agent {")
    assert.equal("K3001", line(out, function(one) return one.error end).error.number)
    here:write("agents/hello.lua", (text:gsub("'you'", "'me'"):gsub("version = 1", "version = 2")))
    assert.equal("me", line(out, outcome_of(2)).run.output.who)
  end)

  it("runs at the save of a skill that the agent reaches, and of another shows the examples", function()
    here:write("skills/other.lua", (double:gsub("2 %*", "3 *"):gsub("n = 4", "n = 6")))
    local out = start "pay --approve"
    line(out, outcome_of(1))
    here:write("skills/double.lua", (double:gsub("2 %*", "4 *"):gsub("n = 4 }", "n = 8 }")))
    line(out, function(one) return one.run and one.run.output and one.run.output.n == 4 end, "with the skill")
    here:write("skills/other.lua", (double:gsub("2 %*", "5 *"):gsub("n = 4 }", "n = 10 }")))
    assert.same({ "other", true }, (function(one) return { one.example.skill, one.example.ok } end)(line(out,
      function(one) return one.example end)))
  end)

  it("gives a run up that goes on when the next save comes", function()
    here:write("agents/hello.lua", home.agent "ctx.wait { event = 'never' } return 1")
    local out = start "hello"
    line(out, function(one) return one.run and one.run.state == "waiting" end)
    here:write("agents/hello.lua", home.agent "for i = 1, 100000 do ctx.step { name = 'n', run = function() return i end } end return 1")
    line(out, function(one) return one.step and one.step.name == "n" end, "steps")
    here:write("agents/hello.lua", (home.agent "return { at = 'last' }":gsub("version = 1", "version = 9")))
    assert.equal("last", line(out, outcome_of(9)).run.output.at)
  end)

  it("is one for a home", function()
    local out = start "hello"
    line(out, outcome_of(1))
    local got = keel { "dev", "hello", "--once", "--json", "--home", here.path }
    assert.equal("K1101", json.decode(got.out).error.number)
  end)

  it("takes keys at a terminal: again, the difference, yes, the end", function()
    screen = pty.spawn({ program, "dev", "pay", "--home", here.path }, { rows = 60, columns = 110 })
    screen:sees "waiting for your decision"
    screen:sees "r runs it again"
    screen:send "a\r"
    screen:sees "pay@1  done"
    screen:send "r\r"
    screen:sees "as before: the same steps"
    screen:send "?\r"
    screen:send "q\r"
    assert.equal(0, screen:finish())
    screen = nil
  end)
end)

describe("the difference of two runs", function()
  local function run(steps, output, cost)
    local log = {}
    for i, one in ipairs(steps) do log[i] = { seq = i, kind = "step", name = one[1], result = one[2], state = "done" } end
    return { run = { run = "run_x", state = "done", output = output, cost_picousd = tostring(cost or 0) }, log = log }
  end

  it("is none for equal runs", function()
    assert.is_true(difference.of(run({ { "a", 1 }, { "b", 2 } }, { n = 1 }), run({ { "a", 1 }, { "b", 2 } }, { n = 1 })).same)
  end)

  it("finds what was put in, taken out and changed, wherever it is", function()
    local d = difference.of(run({ { "a", 1 }, { "b", 2 }, { "c", 3 } }, 1, 5), run({ { "z", 0 }, { "a", 1 }, { "c", 4 } }, 2, 7))
    assert.same({ "z" }, { d.steps.added[1].name })
    assert.same({ "b" }, { d.steps.removed[1].name })
    assert.same({ { path = "result", from = 3, to = 4 } }, d.steps.changed[1].differences)
    assert.same({ { path = "", from = 1, to = 2 } }, d.output)
    assert.equal("2", d.cost_picousd)
  end)

  it("takes no notice of the run's own id", function()
    local a, b = run({ { "a", "key run_x/1" } }, "run_x"), run({ { "a", "key run_y/1" } }, "run_y")
    b.run.run = "run_y"
    assert.is_true(difference.of(a, b).same)
  end)

  it("copes with long runs", function()
    local steps = {}
    for i = 1, 3000 do steps[i] = { "s", i } end
    assert.is_true(difference.of(run(steps, 1), run(steps, 1)).same)
  end)
end)
