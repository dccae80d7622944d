local home = require "spec.support.home"
local json = require "json"

local agent = home.agent

describe("a run", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(agents, parts)
    parts = parts or {}
    parts.agents = agents
    h = home.make(parts)
    return h:open(parts.options)
  end

  it("hands a script the journal's copy of what its steps returned", function()
    with { a = agent [[
      local value = ctx.step{ name = "make", run = function() return { list = {}, n = 1, f = 1.5 } end }
      value.list[1] = "mine"
      return { value = value, null = ctx.step{ name = "nothing", run = function() end } == nil } ]] }
    local run = h:run("a")
    assert.equal("done", run.state)
    assert.same({ value = { list = { "mine" }, n = 1, f = 1.5 }, null = true }, run.output)
    assert.equal(2, run.steps)
  end)

  it("replays equal, and says at which command another script differs", function()
    local e = with { a = agent [[
      ctx.step{ name = "one", args = { 1 }, run = function() return 1 end }
      return ctx.step{ name = "two", run = function() return 2 end } ]] }
    local run = h:run("a")
    assert.is_true(e:replay(run.run).equal)
    h:write("other.lua", agent [[
      ctx.step{ name = "one", args = { 1 }, run = function() return 1 end }
      local three = ctx.step{ name = "three", run = function() return 2 end }
      return three ]])
    local other = e:replay(run.run, { with = h.path .. "/other.lua" })
    assert.is_false(other.equal)
    assert.equal(2, other.at)
    assert.equal("step:two", other.recorded.name)
    assert.equal("step:three", other.new.name)
    assert.equal(4, other.line)
  end)

  it("notices other arguments, another output and a script that stops early", function()
    local e = with { a = agent [[
      ctx.step{ name = "one", args = { 1 }, run = function() return 1 end }
      return 5 ]] }
    local run = h:run("a")
    local function why(body)
      h:write("other.lua", agent(body))
      local result = e:replay(run.run, { with = h.path .. "/other.lua" })
      return result.equal or result.why
    end
    assert.equal("arguments", why 'ctx.step{ name = "one", args = { 2 }, run = function() return 1 end } return 5')
    local both = e:replay(run.run, { with = h.path .. "/other.lua" })
    assert.same({ { 1 }, { 2 } }, { both.recorded.args, both.new.args })
    assert.equal("output", why 'ctx.step{ name = "one", args = { 1 }, run = function() return 1 end } return 6')
    assert.equal("missing", why "return 5")
    assert.equal("extra", why [[
      ctx.step{ name = "one", args = { 1 }, run = function() return 1 end }
      ctx.step{ name = "more", run = function() return 1 end } return 5]])
  end)

  it("goes on after a restart without doing a recorded step again", function()
    local e = with { a = agent [[
      local first = ctx.step{ name = "first", run = function() return ctx.random(1000000000) end }
      ctx.sleep("1h")
      local second = ctx.step{ name = "second", run = function() return first end }
      return { first = first, second = second } ]] }
    local run = h:run("a")
    assert.equal("waiting", run.state)
    assert.equal("timer", run.waiting_for)
    local first = e:log(run.run)[1].result
    e = h:reopen()
    h.now = h.now + 3600000
    e:fire()
    assert(e:drain())
    run = e:describe(run.run)
    assert.equal("done", run.state)
    assert.same({ first = first, second = first }, run.output)
    assert.is_true(e:replay(run.run).equal)
  end)

  it("waits for an approval and goes on with what was decided", function()
    local e = with { a = agent [[
      local verdict = ctx.approve{ subject = "reply:1", proposal = { body = "Hello" }, within = "4h" }
      return { outcome = verdict.outcome, body = verdict.value.body, by = verdict.by } ]] }
    local run = h:run("a")
    assert.equal("waiting", run.state)
    assert.equal("approval", run.waiting_for)
    e = h:reopen()
    local item = e:inbox()[1]
    assert.equal("reply:1", item.subject)
    assert.equal(64, #item.digest)
    assert(e:decide(item.id, { state = "edited", value = { body = "Hi" }, by = "Mira" }))
    assert(e:drain())
    assert.same({ outcome = "edited", body = "Hi", by = "Mira" }, e:describe(run.run).output)
    assert.same({}, e:inbox())
    local again, err = e:decide(item.id, { state = "approved" })
    assert.is_nil(again)
    assert.equal("K1014", err.number)
  end)

  it("takes what the script said at the deadline when nobody decides", function()
    local e = with { a = agent [[
      local verdict = ctx.approve{ subject = "s", proposal = 1, within = "1h", otherwise = "send_short" }
      return { outcome = verdict.outcome, applied = verdict.applied } ]] }
    local run = h:run("a")
    h.now = h.now + 3600001
    e:fire()
    assert(e:drain())
    assert.same({ outcome = "expired", applied = "send_short" }, e:describe(run.run).output)
  end)

  it("waits for an event that fits, and tells when none came", function()
    local e = with { a = agent [[
      local got = ctx.wait{ event = "paid", where = { order = input.order }, within = "1d" }
      local _, err = ctx.wait{ event = "never", within = "1h" }
      return { amount = got.payload.amount, code = err.code } ]] }
    local run = h:run("a", { order = "O-1" })
    e:emit("paid", { order = "O-2", amount = 1 })
    e:emit("paid", { order = "O-1", amount = 7 }, { key = "p1" })
    assert(e:drain())
    h.now = h.now + 3600001
    e:fire()
    assert(e:drain())
    assert.same({ amount = 7, code = "timeout" }, e:describe(run.run).output)
  end)

  it("runs an agent once for an event, however often it arrives", function()
    local e = with { a = agent("return input.n", 'on = { event = "made", key = "id" },') }
    e:emit("made", { id = "x", n = 1 }, { key = "x" })
    e:emit("made", { id = "x", n = 1 }, { key = "x" })
    assert(e:drain())
    assert.equal(1, #e:list { agent = "a" })
    assert.equal(1, e:list { agent = "a" }[1].output)
  end)

  it("waits for another agent's output, or hears how it ended", function()
    with { child = agent "if input.n > 1 then error('too big') end ctx.sleep('1s') return input.n + 1",
           a = agent [[
      local two = ctx.call("child", { n = 1 })
      local _, err = ctx.call("child", { n = 2 })
      return { two = two, code = err.code } ]] }
    local run = h:run("a")
    assert.equal("child", run.waiting_for)
    h.now = h.now + 1001
    h.engine:fire()
    assert(h.engine:drain())
    assert.same({ two = 2, code = "error" }, h.engine:describe(run.run).output)
  end)

  it("does work side by side, in an order that replays", function()
    local e = with { a = agent [[
      local r = ctx.all{
        slow = function() ctx.sleep("2h") return ctx.step{ name = "s", run = function() return "slow" end } end,
        quick = function() ctx.sleep("1h") return ctx.step{ name = "q", run = function() return "quick" end } end,
      }
      local winner, value = ctx.any{
        function() ctx.sleep("3h") return "late" end,
        function() return ctx.step{ name = "now", run = function() return "first" end } end,
      }
      return { r = r, winner = winner, value = value } ]] }
    local run = h:run("a")
    for _ = 1, 3 do
      h.now = h.now + 3600001
      e:fire()
      assert(e:drain())
    end
    run = e:describe(run.run)
    assert.same({ r = { slow = "slow", quick = "quick" }, winner = 2, value = "first" }, run.output)
    local replayed = e:replay(run.run)
    assert.is_true(replayed.equal, json.encode(replayed))
  end)

  it("keeps records and events in the transaction of their step", function()
    local e = with { a = agent [[
      ctx.records.put{ type = "task", key = "T-1", value = { due = "2026-03-09", open = true } }
      ctx.records.put{ type = "task", key = "T-2", value = { due = "2026-03-10", open = false } }
      ctx.emit("tasks.made", { n = 2 })
      return { one = ctx.records.get{ type = "task", key = "T-1" }, none = ctx.records.get{ type = "task", key = "T-9" } == nil,
        open = ctx.records.find{ type = "task", where = { open = true } } } ]],
      b = agent("return input.n", 'on = { event = "tasks.made" },') }
    local run = h:run("a")
    assert.same({ one = { due = "2026-03-09", open = true }, none = true,
      open = { { key = "T-1", version = 1, value = { due = "2026-03-09", open = true } } } }, run.output)
    assert.equal(2, e:list { agent = "b" }[1].output)
  end)

  it("remembers and finds, within what its manifest allows", function()
    with { a = agent([[
      ctx.memory.remember{ layer = "long", kind = "client", key = "fern", text = "Fernline pays invoices late" }
      local hits = ctx.memory.search{ query = "who pays late?", k = 3 }
      local ok, err = pcall(ctx.memory.remember, { layer = "long", kind = "secret", key = "x", text = "no" })
      return { key = hits[1].key, got = ctx.memory.get{ kind = "client", key = "fern" }.text, refused = not ok } ]],
      'memory = { read = { "client/*" }, write = { "client/*" } },') }
    local run = h:run("a")
    assert.equal("done", run.state, json.encode(run))
    assert.same({ key = "fern", got = "Fernline pays invoices late", refused = true }, run.output)
  end)

  it("uses a skill's local code inside the sandbox, and checks both ends", function()
    with({ a = agent([[
      local ok, err = pcall(ctx.skill.double, { n = "x" })
      return { n = ctx.skill.double{ n = 2 }.n, err = err } ]], 'uses = { "double" },') },
      { skills = { double = [[return skill { version = 1, input = { type = "object", properties = { n = { type = "integer" } } },
        output = { type = "object" }, effect = "pure", ["local"] = function(input) return { n = input.n * 2 } end }]] } })
    local run = h:run("a")
    assert.equal(4, run.output.n)
    assert.match("input of skill 'double'", run.output.err)
  end)

  it("sends through the outbox once, whatever the script does", function()
    with({ a = agent([[
      ctx.skill.mail{ op = "send", to = "ana@fern.example", key = "welcome:1" }
      return ctx.skill.mail{ op = "send", to = "ana@fern.example", key = "welcome:1" } ]], 'uses = { "mail" },') },
      { config = 'return { zone = "UTC", adapters = { mail = "outbox" } }' })
    local run = h:run("a")
    assert.equal("done", run.state, json.encode(run))
    local _, lines = h:read("var/outbox.jsonl"):gsub("\n", "")
    assert.equal(1, lines)
  end)

  it("undoes what it did, newest first, when it fails", function()
    local e = with({ a = agent([[
      for _, name in ipairs{ "one", "two" } do
        ctx.step{ name = name, run = function() return ctx.skill.docs{ op = "do", key = name } end,
          undo = function() ctx.skill.docs{ op = "undo", key = name } end }
      end
      error("no good") ]], 'uses = { "docs" },') }, { config = 'return { adapters = { docs = "outbox" } }' })
    local run = h:run("a")
    assert.equal("compensated", run.state, json.encode(run))
    assert.equal("no good", run.error.message)
    local order = {}
    for line in h:read("var/outbox.jsonl"):gmatch("[^\n]+") do
      local row = json.decode(line)
      order[#order + 1] = row.op .. ":" .. row.key
    end
    assert.same({ "do:one", "do:two", "undo:two", "undo:one" }, order)
    assert.is_true(e:replay(run.run).equal)
  end)

  it("ends alone when it wastes its caps", function()
    with { loop = agent "while true do end", hog = agent 'local t = {} while true do t[#t + 1] = ("x"):rep(1000) end',
      fine = agent "return 1" }
    assert.equal("instructions", h:run("loop").error.code)
    assert.equal("memory", h:run("hog").error.code)
    assert.equal("done", h:run("fine").state)
  end)

  it("fails with the script's own line when the script is wrong", function()
    with { a = agent "local x = nil\nreturn x.y" }
    local run = h:run("a")
    assert.equal("failed", run.state)
    assert.equal("agents/a.lua:4", run.error.where)
    assert.match("attempt to index a nil value", run.error.message)
  end)

  it("refuses an input or an output that does not fit the manifest", function()
    local e = with { a = agent("return input.n", 'input = { type = "object", required = { "n" } }, output = { type = "integer" },') }
    local run, err = e:start("a", {})
    assert.is_nil(run)
    assert.equal("K1011", err.number)
    assert.equal("output_mismatch", h:run("a", { n = "text" }).error.code)
    assert.equal("done", h:run("a", { n = 1 }).state)
  end)
end)
