-- What must hold whatever happens between two commits: nothing is lost, nothing
-- happens twice, nothing waits for ever.
local home = require "spec.support.home"
local json = require "json"
local loop = require "loop"

local agent = home.agent

describe("a run, whatever happens,", function()
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

  --- Drain, but not for ever.
  local function drain(e, turns)
    local left = turns or 3000
    local ok, err = e:drain(function()
      left = left - 1
      return left <= 0
    end)
    assert(ok, err and err.message)
    assert.is_true(left > 0, "the engine never comes to rest")
  end

  local function commit(e, ...)
    local tx = e.store:tx()
    for _, add in ipairs { ... } do tx:add(add[1], add[2]) end
    assert(e.store:commit(tx))
  end

  local function next_timer(e) return e.store:read("timer.next", { after = -1 })[1].due end

  local function id_of(e, run) return e.store:read("run.get", { run = run })[1].id end

  it("throws the same dice after a step as when the step is only read back", function()
    local e = with({ a = agent([[
      ctx.step{ name = "inside", run = function() return ctx.random(1000000) + math.random(5) end }
      ctx.skill.dice{}
      local outside = ctx.random(1000000000)
      ctx.step{ name = "outside", args = { outside }, run = function() return 1 end }
      ctx.sleep("1h")
      return ctx.random(1000000000) ]], 'uses = { "dice" },') },
      { skills = { dice = [[return skill { version = 1, ["local"] = function() return { n = math.random(1000) } end }]] } })
    local run = h:run("a")
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    run = e:describe(run.run)
    assert.equal("done", run.state, json.encode(run))
    assert.is_true(e:replay(run.run).equal)
  end)

  it("gives the same code to two who decide the same question at once", function()
    local e = with { a = agent 'return ctx.approve{ subject = "s", proposal = 1 }.outcome' }
    local run = h:run("a")
    local id, results = e:inbox()[1].id, {}
    for i, state in ipairs { "approved", "rejected" } do
      loop.spawn(function()
        local item, err = e:decide(id, { state = state })
        results[i] = item and item.state or err.number
      end)
    end
    drain(e)
    assert.is_nil(e.failed)
    assert.same({ "approved", "K1014" }, results)
    assert.equal("approved", e:describe(run.run).output)
  end)

  it("takes the owner's word that is being written when the deadline comes", function()
    local e = with { a = agent [[
      local v = ctx.approve{ subject = "s", proposal = 1, within = "1h", otherwise = "skip" }
      return { outcome = v.outcome, applied = v.applied } ]] }
    local run = h:run("a")
    local id = e:inbox()[1].id
    h.now = h.now + 3600001
    loop.spawn(function() e:decide(id, { state = "approved" }) end)
    e:fire()
    drain(e)
    assert.is_nil(e.failed)
    assert.equal("approved", e:describe(run.run).output.outcome)
  end)

  it("says what the deadline applied, also when it is told later", function()
    local e = with { a = agent [[
      local v = ctx.approve{ subject = "s", proposal = 1, within = "1h", otherwise = "skip" }
      return { outcome = v.outcome, applied = v.applied, by = v.by } ]] }
    local run = h:run("a")
    local item = e:approval(e:inbox()[1].id)
    commit(e, { "approval.decide", { id = item.id, state = "expired", by = "deadline", now = h.now, digest = item.digest } })
    e = h:reopen()
    drain(e)
    assert.same({ outcome = "expired", applied = "skip", by = "deadline" }, e:describe(run.run).output)
  end)

  it("hears a decision that falls into the moment in which a deadline is let go", function()
    local e = with { a = agent 'return ctx.approve{ subject = "s", proposal = 1, within = "1h" }.outcome' }
    local run = h:run("a")
    local id = e:inbox()[1].id
    h.now = h.now + 3600001
    e:fire()
    loop.spawn(function() e:decide(id, { state = "approved" }) end)
    drain(e)
    assert.equal("approved", e:describe(run.run).output)
  end)

  it("leaves no question open that ctx.any does not wait for any more", function()
    local e = with { a = agent [[
      local who = ctx.any{
        ask = function() return ctx.approve{ subject = "s", proposal = 1 } end,
        late = function() ctx.sleep("1h") end,
      }
      ctx.sleep("1h")
      return who ]] }
    local run = h:run("a")
    assert.equal(1, #e:inbox())
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    assert.same({}, e:inbox())
    e = h:reopen()
    drain(e)
    assert.equal("timer", e:describe(run.run).waiting_for)
  end)

  it("comes to rest though a crash left a timer, a wait and a question behind", function()
    local e = with { a = agent [[
      ctx.any{ function() ctx.sleep("1m") end, function() ctx.wait{ event = "x" } end,
        function() ctx.approve{ subject = "s", proposal = 1 } end }
      ctx.approve{ subject = "second", proposal = 2 }
      return 1 ]] }
    local run = h:run("a")
    local id = id_of(e, run.run)
    h.now = h.now + 60001
    e:fire()
    drain(e)
    -- as if the engine had died between the result and what ctx.any gave up
    commit(e, { "timer.put", { run = id, seq = 1, due = h.now - 1 } },
      { "wait.put", { run = id, seq = 2, type = "x" } },
      { "run.state", { id = id, state = "running", steps = 1, cost = 0, active_ms = 0, now = h.now,
        tail = e:run_row(run.run).tail } })
    e = h:reopen()
    drain(e)
    assert.equal("waiting", e:describe(run.run).state)
    assert.is_nil(next_timer(e))
    assert.same({}, e.store:read("wait.of_type", { type = "x" }))
    assert.equal("second", e:inbox()[1].subject)
  end)

  it("comes to rest though a timer belongs to a run that is over", function()
    local e = with { a = agent "return 1" }
    local run = h:run("a")
    commit(e, { "timer.put", { run = id_of(e, run.run), seq = 1, due = h.now - 1 } })
    e:set_timer()
    drain(e)
    assert.is_nil(next_timer(e))
  end)

  it("tells the parent of a child that diverged, and holds nothing for it", function()
    local e = with { child = agent 'ctx.sleep("1h") return 1',
      a = agent [[ local _, err = ctx.call("child", {}) return err.code ]] }
    local run = h:run("a")
    local child = e:list { agent = "child" }[1]
    h.now = h.now + 3600001
    local row = e:run_row(child.run)
    local handle = e.runner:run { id = row.id }
    assert(handle:load(row.tail))
    local tx = e.store:tx()
    assert(handle:append(tx, "result", true, h.now, 7))
    tx:add("run.state", { id = row.id, state = "waiting", waiting_for = "timer", steps = 0, cost = 0, active_ms = 0,
      now = h.now, tail = handle:tail() })
    handle:release()
    assert(e.store:commit(tx))
    e:fire()
    drain(e)
    assert.equal("diverged", e:describe(child.run).state)
    assert.equal("diverged", e:describe(run.run).output)
    assert.is_nil(next_timer(e))
  end)

  it("hears of a child's end after a crash, whatever else it waits for", function()
    local e = with { child = agent 'ctx.sleep("1h") return 5', a = agent [[
      local who, value = ctx.any{
        function() return ctx.approve{ subject = "s", proposal = 1 } end,
        function() return ctx.call("child", {}) end }
      return value ]] }
    local run = h:run("a")
    local child = e:run_row(e:list { agent = "child" }[1].run)
    -- the child's end is durable, and the engine died before it told the parent
    commit(e, { "run.end", { id = child.id, state = "done", tail = child.tail, steps = 1, cost = 0, active_ms = 0,
      now = h.now, output_codec = 5 } })
    e = h:reopen()
    drain(e)
    assert.equal(5, e:describe(run.run).output)
  end)

  it("stops alone when it cannot be brought back", function()
    local e = with { a = agent 'ctx.sleep("1h") return 1', fine = agent "return 2" }
    local one, two = h:run("a"), h:run("a")
    commit(e, { "run.state", { id = id_of(e, one.run), state = "running", tail = 1000000, steps = 0, cost = 0,
      active_ms = 0, now = h.now } }, { "run.state", { id = id_of(e, two.run), state = "waiting",
      waiting_for = "timer", tail = 1000000, steps = 0, cost = 0, active_ms = 0, now = h.now } })
    e = h:reopen { on_fault = function() end }
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    assert.equal("quarantined", e:describe(one.run).state)
    assert.equal("quarantined", e:describe(two.run).state)
    assert.equal("done", h:run("fine").state)
  end)

  it("ends with an error when its caps leave no room to begin", function()
    local e = with { a = agent("return 1", 'caps = { memory = "1KiB" },'), b = agent "return 2" }
    local run = e:start("a", {})
    drain(e)
    if run then assert.equal("failed", e:describe(run.run).state) end
    e = h:reopen()
    drain(e)
    assert.equal("done", h:run("b").state)
  end)

  it("ends though what it returns nests as deep as a value may", function()
    local e = with { a = agent [[
      local t = 1
      for _ = 1, input.n do t = { t } end
      return t ]] }
    for _, n in ipairs { 97, 98, 99, 100, 101 } do
      local run = assert(e:start("a", { n = n }))
      drain(e)
      run = e:describe(run.run)
      assert.is_true(run.state == "done" or run.state == "failed", n .. " " .. run.state)
    end
  end)

  it("is refused an input that cannot be kept, in words", function()
    local e = with { a = agent "return 1" }
    local deep = 1
    for _ = 1, 100 do deep = { deep } end
    local run, err = e:start("a", deep)
    assert.is_nil(run)
    assert.equal("string", type(err.message))
    assert.equal("done", h:run("a").state)
  end)

  it("is told of an event though it was just being parked", function()
    local e = with { a = agent 'return ctx.wait{ event = "x" }.payload' }
    local run = assert(e:start("a", {}))
    while not e.settling[run.id] do loop.turn() end
    local lost
    commit(e, { "event.put", { type = "x", payload_codec = { n = 1 }, now = h.now, trust = "owner" } })
    e:pump()
    -- nothing may say the event is done before the run's wait holds it
    for _ = 1, 3000 do
      if #e.store:read("event.new", {}) == 0 then
        local wait, log = e.store:read("wait.get", { run = run.id, seq = 1 })[1], e:log(run.run)
        lost = not (wait and wait.event) and log[1].result == nil
        break
      end
      loop.turn()
    end
    assert.is_false(lost)
    drain(e)
    assert.same({ n = 1 }, e:describe(run.run).output)
  end)

  it("is told of the event whose payload fits, also inside of it", function()
    local e = with { a = agent 'return ctx.wait{ event = "x", where = { client = { id = 2 } } }.payload.n' }
    local run = h:run("a")
    e:emit("x", { n = 1, client = { id = 1, name = "Ana" } })
    e:emit("x", { n = 2, client = { id = 2, name = "Rui" } })
    drain(e)
    assert.equal(2, e:describe(run.run).output)
  end)

  it("gets an event once, though a crash makes it arrive again", function()
    local e = with { a = agent [[
      local first = ctx.wait{ event = "x" }
      local second = ctx.wait{ event = "x" }
      return { first.payload.n, second.payload.n } ]] }
    local run = h:run("a")
    e:emit("x", { n = 1 })
    -- the engine dies when the run waits again
    local function waits_again()
      local rows = e.store:read("wait.of_type", { type = "x" })
      return rows[1] and rows[1].seq == 2
    end
    while not waits_again() do loop.turn() end
    e = h:reopen()
    drain(e)
    assert.equal("waiting", e:describe(run.run).state)
    e:emit("x", { n = 2 })
    drain(e)
    assert.same({ 1, 2 }, e:describe(run.run).output)
  end)

  it("lets an emitted event start one run for each key that its payload names", function()
    local e = with { a = agent 'ctx.emit("made", { id = input.id }) return 1',
      b = agent("return input.id", 'on = { event = "made", key = "id" },') }
    h:run("a", { id = "x" })
    h:run("a", { id = "x" })
    assert.equal(1, #e:list { agent = "b" })
  end)

  it("goes on delivering though one event cannot be", function()
    local e = with { a = agent("return 1", 'on = { event = "bad" },'), b = agent("return 2", 'on = { event = "good" },') }
    e.complain = function() end
    local start = e.start
    function e.start(self, name, ...)
      if name == "a" then error("no") end
      return start(self, name, ...)
    end
    e:emit("bad", {})
    e:emit("good", {})
    drain(e)
    assert.equal(1, #e:list { agent = "b" })
    e.start = nil
    e = h:reopen()
    drain(e)
    assert.equal(1, #e:list { agent = "a" })
  end)

  it("keeps homes apart: effects go to the home of their own engine", function()
    local mail = { a = agent('ctx.skill.mail{ op = "send", to = "x" } return 1', 'uses = { "mail" },') }
    local config = 'return { adapters = { mail = "outbox" } }'
    with(mail, { config = config })
    h:run("a")
    local first = h
    with(mail, { config = config })
    h:run("a")
    assert.is_string(h:read("var/outbox.jsonl"))
    first:remove()
  end)

  it("may not name another namespace, and means notes when it names no kind", function()
    local e = with { a = agent([[
      local function no(f, args) local ok, err = pcall(f, args) return not ok and err ~= nil end
      ctx.memory.remember{ key = "mine", text = "a note" }
      return {
        other = no(ctx.memory.remember, { ns = "acme", kind = "note", key = "k", text = "x" }),
        read = no(ctx.memory.search, { ns = "acme", query = "x" }),
        own = ctx.memory.get{ ns = "main", key = "mine" }.text,
        wrong = select(2, pcall(ctx.memory.search, { qeury = "x" })),
      } ]], 'memory = { read = { "note/*" }, write = { "note/*" } },') }
    local complaints = {}
    e.complain = function(_, text) complaints[#complaints + 1] = text end
    local run = h:run("a")
    assert.equal("done", run.state, json.encode(run.error))
    assert.is_true(run.output.other)
    assert.is_true(run.output.read)
    assert.equal("a note", run.output.own)
    assert.match("did you mean 'query'", run.output.wrong)
    assert.same({}, complaints)
  end)

  it("is told in words what it did wrong", function()
    local e = with { a = agent [[
      local function why(f, ...) local ok, err = pcall(f, ...) return ok and "fine" or err end
      return {
        why(ctx.wait, { event = "x", where = "all" }),
        why(ctx.approve, { subject = "s", proposal = 1, otherwise = {} }),
        why(ctx.approve, { subject = "s", proposal = 1, within = 5 }),
        why(ctx.approve, { subject = "s", proposal = 1, risk = {} }),
        why(ctx.emit, "x", {}, { key = {} }),
        why(ctx.wait, { event = "x", within = {} }),
        why(ctx.records.find, { type = "x", limit = "many" }),
        why(ctx.sleep, -1),
      } ]] }
    local complaints = {}
    e.complain = function(_, text) complaints[#complaints + 1] = text end
    local run = h:run("a")
    assert.equal("done", run.state, json.encode(run))
    assert.same({}, complaints)
    for i, text in ipairs(run.output) do
      assert.not_equal("fine", text, i)
      assert.is_nil(text:find("internal", 1, true), text)
    end
  end)

  it("undoes with what the journal holds, and does not say undone when it is stuck", function()
    local e = with { a = agent [[
      local made = ctx.step{ name = "make", run = function() return { id = 1 } end,
        undo = function(value) if value.id ~= 1 then error("wrong id") end error("stuck") end }
      made.id = 2
      ctx.step{ name = "more", run = function() return 1 end, undo = function() end }
      error("no good") ]] }
    local run = h:run("a")
    assert.equal("needs_reconciliation", run.state)
    assert(e:reconcile(e:inbox()[1].id, { answer = "abandon" }))
    drain(e)
    run = e:describe(run.run)
    assert.equal("failed", run.state)
    assert.equal("stuck", run.error.stuck_undo.message)
    assert.is_true(e:replay(run.run).equal)
  end)

  it("goes on after steps side by side, whose bodies a replay does not run", function()
    local e = with { a = agent [[
      local function work(name, n)
        return function() return ctx.step{ name = name, run = function()
          local sum = 0
          for i = 1, n do sum = sum + i end
          return sum
        end } end
      end
      local r = ctx.all{ one = work("one", 1000), two = work("two", 10), three = work("three", 500) }
      ctx.sleep("1h")
      return r.one + r.two + r.three ]] }
    local run = h:run("a")
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    run = e:describe(run.run)
    assert.equal("done", run.state, json.encode(run))
    assert.is_true(e:replay(run.run).equal)
  end)

  it("numbers its objects and seeds its dice as if no step's body had run", function()
    local e = with { a = agent [[
      ctx.step{ name = "many", run = function()
        math.randomseed()
        for _ = 1, 10 do tostring({}) end
        return 1
      end }
      math.randomseed()
      ctx.step{ name = "see", args = { tostring({}), math.random(1000) }, run = function() return 1 end }
      ctx.sleep("1h")
      return 1 ]] }
    local run = h:run("a")
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    assert.equal("done", e:describe(run.run).state)
    assert.is_true(e:replay(run.run).equal)
  end)

  it("goes on after work side by side inside of a step", function()
    local e = with { a = agent [[
      local sum = ctx.step{ name = "both", run = function()
        local r = ctx.all{
          one = function() return ctx.step{ name = "one", run = function() return 1 end } end,
          two = function() return ctx.step{ name = "two", run = function() return ctx.random(10) end } end }
        return r.one + r.two
      end }
      ctx.step{ name = "next", args = { ctx.random(1000) }, run = function() return sum end }
      ctx.sleep("1h")
      return sum ]] }
    local run = h:run("a")
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    run = e:describe(run.run)
    assert.equal("done", run.state, json.encode(run))
    assert.is_true(e:replay(run.run).equal)
  end)

  it("waits for what another agent answers to its event, or to an event's run that calls", function()
    local e = with {
      a = agent([[
        ctx.emit("question", { n = 1 })
        local got = ctx.wait{ event = "answer", within = "1d" }
        return got and got.payload.n ]], 'on = { event = "go" },'),
      b = agent([[
        local n = ctx.call("c", { n = input.n })
        ctx.emit("answer", { n = n })
        return n ]], 'on = { event = "question" },'),
      c = agent [[
        ctx.emit("please", {})
        return ctx.wait{ event = "thanks" }.payload.n + input.n ]],
      d = agent([[ ctx.sleep("1m") ctx.emit("thanks", { n = 41 }) return 1 ]], 'on = { event = "please" },') }
    e:emit("go", {})
    drain(e)
    assert.equal("waiting", e:list { agent = "c" }[1].state)
    h.now = h.now + 60001
    drain(e)
    assert.equal(42, e:list { agent = "a" }[1].output)
  end)

  it("is not changed by what a skill does to its surroundings", function()
    local e = with({ a = agent([[
      ctx.skill.rude{}
      local polite = ctx.skill.rude{}
      ctx.step{ name = "see", args = { ctx.config.n }, run = function() return 1 end }
      ctx.sleep("1h")
      return { n = ctx.config.n, polite = polite } ]],
      'uses = { "rude" }, config = { type = "object", properties = { n = { type = "integer", default = 1 } } },') },
      { skills = { rude = [[return skill { version = 1, ["local"] = function(_, lib)
        local was = lib.config.n
        lib.config.n = 99
        lib.similarity = nil
        return { was = was }
      end }]] } })
    local run = h:run("a")
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    run = e:describe(run.run)
    assert.equal("done", run.state, json.encode(run))
    assert.same({ n = 1, polite = { was = 1 } }, run.output)
  end)

  it("reaches only the skills that it names, and a skill those that it needs", function()
    with({ a = agent([[
      local ok, err = pcall(function() return ctx.skill.inner{} end)
      local reached, why = pcall(ctx.skill.outer, { bad = true })
      return { ok = ok, through = ctx.skill.outer{}, reached = reached } ]], 'uses = { "outer", "mail" },') },
      { config = 'return { adapters = { mail = "outbox" } }', skills = {
        inner = [[return skill { version = 1, ["local"] = function() return 7 end }]],
        outer = [[return skill { version = 1, needs = { skills = { "inner" } }, ["local"] = function(input, lib)
          if input.bad then return lib.skill.mail{ op = "send" } end
          return lib.skill.inner{} end }]] } })
    local run = h:run("a")
    assert.same({ ok = false, through = 7, reached = false }, run.output)
  end)

  it("is refused more branches than ctx.any can hold before any of them begins", function()
    local e = with { a = agent [[
      local list = {}
      for i = 1, 65 do list[i] = function() ctx.sleep("1h") end end
      local ok = pcall(ctx.any, list)
      return ok ]] }
    local run = h:run("a")
    assert.equal(false, run.output)
    assert.is_nil(next_timer(e))
  end)

  it("can be replayed while it is at work", function()
    local e = with { a = agent 'ctx.step{ name = "s", run = function() return 1 end } return 2' }
    local run = assert(e:start("a", {}))
    e:replay(run.run)
    drain(e)
    assert.equal("done", e:describe(run.run).state)
  end)

  it("can be left at any moment, and goes on where it was", function()
    local e = with { a = agent 'ctx.step{ name = "s", run = function() return 1 end } ctx.sleep("1h") return 2' }
    local runs = {}
    for turns = 0, 8 do
      runs[#runs + 1] = assert(e:start("a", {}))
      for _ = 1, turns do loop.turn(false) end
      e = h:reopen()
    end
    h.now = h.now + 3600001
    drain(e)
    h.now = h.now + 3600001
    drain(e)
    for _, run in ipairs(runs) do assert.equal("done", e:describe(run.run).state) end
  end)

  it("starts once when two start it with one key at the same time", function()
    local e = with { a = agent "return 1" }
    local runs = {}
    for i = 1, 2 do loop.spawn(function() runs[i] = assert(e:start("a", {}, { key = "k" })) end) end
    drain(e)
    assert.is_nil(e.failed)
    assert.equal(runs[1].run, runs[2].run)
    assert.equal("done", e:describe(runs[1].run).state)
  end)

  it("takes up a timer that came due while the machine slept", function()
    local e = with { a = agent 'ctx.sleep("1h") return 1' }
    local run = h:run("a")
    h.now = h.now + 3600001
    drain(e)
    assert.equal("done", e:describe(run.run).state)
  end)
end)
