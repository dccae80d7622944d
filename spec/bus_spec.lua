-- The event bus: what is delivered to whom, when, in which order, and that a crash
-- anywhere loses nothing and starts nothing twice. The clock is moved by hand.
local home = require "spec.support.home"
local json = require "json"
local loop = require "loop"

local agent = home.agent

describe("the event bus", function()
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
  local function drain(e)
    local left = 20000
    local ok, err = e:drain(function()
      left = left - 1
      return left <= 0
    end)
    assert(ok, err and err.message)
    assert.is_true(left > 0, "the engine never comes to rest")
  end

  local function later(e, ms)
    h.now = h.now + ms
    drain(e)
  end

  --- The inputs' `n` of an agent's runs, in the order of their starts.
  local function begun(e, name)
    local list = e:list { agent = name, limit = 1000 }
    local out = {}
    for i = #list, 1, -1 do
      local row = e:run_row(list[i].run)
      out[#out + 1] = row.input.n
    end
    return out
  end

  local function states(e, name)
    local count = {}
    for _, event in ipairs(e:event_list { limit = 1000 }) do
      for _, delivery in ipairs(event.deliveries) do
        if delivery.agent == name then count[delivery.state] = (count[delivery.state] or 0) + 1 end
      end
    end
    return count
  end

  describe("hands an event", function()
    it("to every agent whose trigger it fits, by type, beginning and payload", function()
      local e = with {
        exact = agent("return 1", 'on = { event = "mail.received" },'),
        all = agent("return 1", 'on = { event = "mail.*" },'),
        deep = agent("return 1", 'on = { event = "mail.*", where = { from = { domain = "fern.example" }, size = { [">"] = 10, ["<="] = 20 } } },'),
        one = agent("return 1", 'on = { event = "mail.*", where = { label = { ["in"] = { "bill", "offer" } } } },'),
        other = agent("return 1", 'on = { event = "mailing" },'),
      }
      e:emit("mail.received", { from = { domain = "fern.example", name = "Ana" }, size = 20, label = "spam" })
      e:emit("mail.sent", { from = { domain = "fern.example" }, size = 10, label = "offer" })
      e:emit("mail", {})
      drain(e)
      local count = {}
      for _, name in ipairs { "exact", "all", "deep", "one", "other" } do count[name] = #e:list { agent = name } end
      assert.same({ exact = 1, all = 2, deep = 1, one = 1, other = 0 }, count)
    end)

    it("once for a key, and counts how often it came again", function()
      local e = with { a = agent("return 1", 'on = { event = "made", key = "id" },') }
      local first = assert(e:emit("made", { id = "x" }, { key = "k" }))
      h.now = h.now + 1000
      local second = assert(e:emit("made", { id = "x" }, { key = "k" }))
      e:emit("made", { id = "x" })
      drain(e)
      assert.same({ true, false, first.id }, { first.new, second.new, second.id })
      local event = e:event(first.id)
      assert.equal(1, event.duplicates)
      assert.equal("2026-03-02T09:00:01.000Z", event.duplicate_at)
      assert.same({ "done" }, { e:list({ agent = "a" })[1].state })
      assert.equal(2, #e:list { agent = "a" }) -- the key of the envelope is one key, the payload's another
      e:emit("made", { id = "x" })
      drain(e)
      assert.equal(2, #e:list { agent = "a" })
    end)

    it("that two publish at once under one key to one run, and tells one that it was known", function()
      local e = with { a = agent("return 1", 'on = { event = "made" },') }
      local got = {}
      for i = 1, 2 do loop.spawn(function() got[i] = e:emit("made", { n = i }, { key = "k" }) end) end
      drain(e)
      assert.not_equal(got[1].new, got[2].new)
      assert.equal(got[1].id, got[2].id)
      assert.equal(1, #e:list { agent = "a" })
    end)

    it("to one agent alone when it is addressed to it", function()
      local e = with { a = agent "return input.slot", b = agent("return 1", 'on = { event = "schedule" },') }
      local tx = e.store:tx()
      e:address(tx, "a", { key = "plan/2026-03-02", payload = { slot = 1 } })
      assert(e:commit(tx))
      e:admit()
      drain(e)
      assert.equal(1, e:list({ agent = "a" })[1].output)
      assert.equal(0, #e:list { agent = "b" })
    end)
  end)

  describe("lets runs begin", function()
    it("one after the other where nothing is said, whatever agent they are of", function()
      local e = with { a = agent([[
          local before = ctx.records.get{ type = "sum", key = "s" } or { n = 0 }
          ctx.step{ name = "think", run = function() return 1 end }
          ctx.records.put{ type = "sum", key = "s", value = { n = before.n * 2 + input.n } }
          return before.n ]], 'on = { event = "go" },'),
        b = agent([[
          local before = ctx.records.get{ type = "sum", key = "s" } or { n = 0 }
          ctx.records.put{ type = "sum", key = "s", value = { n = before.n * 3 + input.n } }
          return 1 ]], 'on = { event = "go" },') }
      local want = 0
      for n = 1, 12 do
        e:emit("go", { n = n })
        want = (want * 2 + n) * 3 + n
      end
      drain(e)
      assert.equal(want, e:records("sum")[1].value.n)
    end)

    it("as many at once as an agent says, and no place is held by one that waits", function()
      local e = with { a = agent([[
          ctx.approve{ subject = "s" .. input.n, proposal = 1 }
          return input.n ]], 'on = { event = "go" }, concurrency = 2,') }
      local most, start = 0, e.entered
      function e.entered(self, run)
        start(self, run)
        most = math.max(most, self.at_work.a or 0)
      end
      for n = 1, 7 do e:emit("go", { n = n }) end
      drain(e)
      assert.equal(2, most)
      assert.equal(7, #e:inbox())
      assert.same({ a = 0 }, e.at_work)
    end)

    it("by priority, a number or a field of the payload", function()
      local e = with { a = agent("return 1", 'on = { event = "go", priority = "urgency" },'),
        b = agent("return 1", 'on = { event = "go", priority = 5 },') }
      local tx = e.store:tx()
      for n, urgency in ipairs { 1, 9, 3, 9 } do
        tx:add("event.put", { type = "go", payload_codec = { n = n, urgency = urgency }, now = h.now, trust = "owner" })
      end
      assert(e:commit(tx))
      e:admit()
      drain(e)
      assert.same({ 2, 4, 3, 1 }, begun(e, "a"))
      local order = {}
      for i, run in ipairs(e:list { limit = 100 }) do order[9 - i] = run.agent end
      assert.equal("aabbbbaa", table.concat(order))
    end)

    it("in turns between the values of a field", function()
      local e = with { a = agent("return 1", 'on = { event = "go", fair = "client.id" },') }
      local tx = e.store:tx()
      for n, client in ipairs { "x", "x", "x", "x", "y", "z", "y" } do
        tx:add("event.put", { type = "go", payload_codec = { n = n, client = { id = client } }, now = h.now, trust = "owner" })
      end
      assert(e:commit(tx))
      e:admit()
      drain(e)
      assert.same({ 1, 5, 6, 2, 7, 3, 4 }, begun(e, "a"))
      -- who comes later begins where the others are, not with all the turns he missed
      tx = e.store:tx()
      for n, client in ipairs { "x", "w", "w", "x" } do
        tx:add("event.put", { type = "go", payload_codec = { n = 10 + n, client = { id = client } }, now = h.now, trust = "owner" })
      end
      assert(e:commit(tx))
      e:admit()
      drain(e)
      assert.same({ 12, 11, 13, 14 }, { select(8, table.unpack(begun(e, "a"))) })
    end)

    it("in order for each value of a field, the next when the last is over", function()
      local e = with { a = agent([[
          ctx.wait{ event = "answered", where = { n = input.n } }
          return 1 ]], 'on = { event = "go", order = "thread" }, concurrency = 10,') }
      for n, thread in ipairs { "x", "x", "y", "x", "y" } do e:emit("go", { n = n, thread = thread }) end
      drain(e)
      assert.same({ 1, 3 }, begun(e, "a"))
      assert.same({ queued = 3, started = 2 }, states(e, "a"))
      e:emit("answered", { n = 3 })
      drain(e)
      assert.same({ 1, 3, 5 }, begun(e, "a"))
      e = h:reopen()
      drain(e)
      assert.same({ 1, 3, 5 }, begun(e, "a"))
      for n = 1, 5 do
        e:emit("answered", { n = n })
        drain(e)
      end
      assert.same({ 1, 3, 5, 2, 4 }, begun(e, "a"))
      assert.equal(5, #e:list { agent = "a", state = "done" })
    end)

    it("so many in a time and not more, also after a restart", function()
      local e = with { a = agent("return 1", 'on = { event = "go", throttle = "3/min" },') }
      for n = 1, 8 do e:emit("go", { n = n }) end
      drain(e)
      assert.equal(3, #e:list { agent = "a" })
      h.now = h.now + 30000
      e = h:reopen()
      drain(e)
      assert.equal(3, #e:list { agent = "a" })
      later(e, 29999)
      assert.equal(3, #e:list { agent = "a" })
      later(e, 1)
      assert.equal(6, #e:list { agent = "a" })
      later(e, 60000)
      assert.same({ 1, 2, 3, 4, 5, 6, 7, 8 }, begun(e, "a"))
    end)

    it("one for a window: the first opens it, the last payload wins", function()
      local e = with { a = agent("return input.n", 'on = { event = "go", coalesce = "10s" },') }
      for n = 1, 3 do
        e:emit("go", { n = n })
        drain(e)
        h.now = h.now + 3000
      end
      assert.equal(0, #e:list { agent = "a" })
      assert.same({ queued = 3 }, states(e, "a"))
      assert.equal("window", e:event_list()[3].deliveries[1].waits_for)
      e = h:reopen()
      later(e, 1000)
      assert.same({ 3 }, begun(e, "a"))
      e:emit("go", { n = 4 })
      later(e, 10000)
      assert.same({ 3, 4 }, begun(e, "a"))
      -- all three of the first window are told to have become the one run
      local list = e:event_list { agent = "a" }
      assert.equal(list[4].deliveries[1].run, list[2].deliveries[1].run)
      assert.is_true(list[2].deliveries[1].gathered)
    end)

    it("when events have been quiet for a while, at the latest when the longer window is over", function()
      local e = with { a = agent("return input.n", 'on = { event = "go", debounce = "10s", coalesce = "25s" },'),
        b = agent("return input.n", 'on = { event = "go", debounce = "10s" },') }
      for n = 1, 4 do
        e:emit("go", { n = n })
        later(e, 8000)
      end
      assert.same({ 4 }, begun(e, "a")) -- 25 s after the first, before the quiet
      assert.same({}, begun(e, "b"))
      later(e, 2000)
      assert.same({ 4 }, begun(e, "b"))
    end)

    it("one for two triggers of one agent within a window", function() -- W5-f3
      local e = with { prioritise = agent("return input.n or 0", [[on = {
        { event = "payment.received", coalesce = "10s" }, { event = "deadline.changed", coalesce = "10s" },
        { cron = "45 7 * * 1-5", coalesce = "10s" } },]]) }
      e:emit("payment.received", { n = 1 })
      drain(e)
      h.now = h.now + 4000
      local tx = e.store:tx()
      e:address(tx, "prioritise", { key = "plan/2026-03-02" })
      assert(e:commit(tx))
      e:admit()
      drain(e)
      h.now = h.now + 4000
      e:emit("deadline.changed", { n = 3 })
      drain(e)
      later(e, 2000)
      assert.same({ 3 }, begun(e, "prioritise"))
      e:emit("deadline.changed", { n = 4 })
      later(e, 10000)
      assert.same({ 3, 4 }, begun(e, "prioritise"))
    end)

    it("not while their agent is paused, and all of them when it goes on", function()
      local e = with { a = agent("return 1", 'on = { event = "go" },'), b = agent("return 1", 'on = { event = "go" },') }
      local off = true
      function e.paused(_, name) return off and name == "a" end
      for n = 1, 3 do e:emit("go", { n = n }) end
      drain(e)
      assert.same({ {}, { 1, 2, 3 } }, { begun(e, "a"), begun(e, "b") })
      assert.same({ queued = 3 }, states(e, "a"))
      off = false
      e:admit()
      drain(e)
      assert.same({ 1, 2, 3 }, begun(e, "a"))
    end)

    it("of thirty mails in a minute twenty, then the rest, in order for each thread", function() -- W3-f1
      local e = with { support_triage = agent([[
          ctx.step{ name = "answer", run = function() return input.n end }
          ctx.sleep("1s")
          return input.n ]], 'on = { event = "mail.received", key = "id", order = "thread", throttle = "20/min" }, concurrency = 4,') }
      local spans = {}
      local function note()
        for _, run in ipairs(e:list { limit = 100 }) do
          local input = e:run_row(run.run).input
          spans[input.n] = { thread = input.thread, from = run.created, to = run.ended }
        end
      end
      for n = 1, 30 do
        e:emit("mail.received", { id = "m" .. n, n = n, thread = "t" .. n % 7 })
        later(e, 2000)
      end
      local started = #e:list { limit = 100 }
      assert.equal(20, started)
      assert.same({ started = 20, queued = 10 }, states(e, "support_triage"))
      for _ = 1, 70 do later(e, 2000) end
      note()
      assert.equal(30, #spans)
      assert.equal(30, #e:list { limit = 100, state = "done" })
      for n = 8, 30 do assert.is_true(spans[n - 7].to <= spans[n].from, n .. " began before the one before it was over") end
      -- no minute had more than twenty
      local times = {}
      for _, span in ipairs(spans) do times[#times + 1] = require("rfc3339").parse(span.from) end
      table.sort(times)
      for i = 21, #times do assert.is_true(times[i] - times[i - 20] >= 60000) end
    end)
  end)

  describe("keeps as dead, with the reason,", function()
    local takes = 'on = { event = "go" }, input = { type = "object", required = { "n" } },'

    it("what does not fit the agent's input, and tries it again when the owner says so", function()
      local e = with { a = agent("return 1", takes) }
      local event = e:emit("go", { m = 1 }, { key = "k" })
      e:emit("go", { n = 2 })
      drain(e)
      local delivery = e:event(event.id).deliveries[1]
      assert.same({ "dead", "K1011" }, { delivery.state, delivery.reason.number })
      assert.match("missing 'n'", delivery.reason.message)
      assert.same({ 2 }, begun(e, "a"))
      assert.equal(1, #e:event_list { state = "dead" })
      assert.equal(1, assert(e:retry_dead { id = event.id }))
      drain(e)
      assert.equal("dead", e:event(event.id).deliveries[1].state)
      h:write("agents/a.lua", agent("return 2", 'on = { event = "go" },'))
      e = h:reopen()
      drain(e)
      assert.equal("dead", e:event(event.id).deliveries[1].state)
      assert.equal(1, assert(e:retry_dead { agent = "a" }))
      drain(e)
      assert.equal("started", e:event(event.id).deliveries[1].state)
      assert.equal(2, e:list({ agent = "a" })[1].output)
      assert.equal(0, assert(e:retry_dead {}))
      assert.equal("K1007", select(2, e:retry_dead { id = "evt_none" }).number)
    end)

    it("what came while the agent was broken, or gone", function()
      local e = with { a = agent("return 1", 'on = { event = "go" },') }
      e:emit("go", { n = 1 })
      drain(e)
      h:write("agents/a.lua", "return agent { version = 1, run = ")
      e = h:reopen()
      local lost = e:emit("go", { n = 2 })
      drain(e)
      local delivery = e:event(lost.id).deliveries[1]
      assert.same({ "dead", "K3001" }, { delivery.state, delivery.reason.number })
      h:write("agents/a.lua", agent("return 1", 'on = { event = "go" },'))
      e = h:reopen()
      e:retry_dead {}
      drain(e)
      assert.same({ 1, 2 }, begun(e, "a"))
      function e.paused() return true end
      local late = e:emit("go", { n = 3 })
      drain(e)
      os.remove(h.path .. "/agents/a.lua")
      e = h:reopen()
      drain(e)
      assert.equal("K1005", e:event(late.id).deliveries[1].reason.number)
    end)

    it("what its settings do not let start, and frees the order it stood in", function()
      local e = with({ a = agent("return 1", [[on = { event = "go", order = "t" },
        config = { type = "object", required = { "rate" }, properties = { rate = { type = "number" } } },]]) },
        { config = 'return { agents = { a = { rate = 1 } } }' })
      h:write("config.lua", 'return { zone = "UTC" }')
      e = h:reopen()
      e:emit("go", { n = 1, t = "x" })
      e:emit("go", { n = 2, t = "x" })
      drain(e)
      assert.same({ dead = 2 }, states(e, "a"))
      assert.equal("K2104", e:event_list({ state = "dead" })[1].deliveries[1].reason.number)
      h:write("config.lua", 'return { agents = { a = { rate = 1 } } }')
      e = h:reopen()
      assert.equal(2, e:retry_dead {})
      drain(e)
      assert.same({ 1, 2 }, begun(e, "a"))
    end)

    it("and lets the owner drop what has not started, but nothing that has", function()
      local e = with { a = agent("return 1", 'on = { event = "go", coalesce = "10s" },'), b = agent("return 1", takes) }
      local event = e:emit("go", {})
      drain(e)
      assert.same({ a = "queued", b = "dead" }, { a = states(e, "a").queued and "queued", b = states(e, "b").dead and "dead" })
      e:drop_event(event.id, "a")
      later(e, 20000)
      assert.same({ dropped = 1 }, states(e, "a"))
      assert.equal("dropped", e:drop_event(event.id).deliveries[2].state)
      assert.equal("K1015", select(2, e:drop_event(event.id)).number)
      assert.same({}, begun(e, "a"))
      local started = e:emit("go", { n = 1 })
      later(e, 20000)
      assert.equal("K1015", select(2, e:drop_event(started.id)).number)
    end)
  end)

  describe("gives a wait", function()
    it("an event that came before it, since the run began", function()
      local e = with { a = agent [[
        ctx.sleep("1h")
        local got = ctx.wait{ event = "reply", where = { to = input.n } }
        local next = ctx.wait{ event = "reply", within = "1s" }
        local _, err = ctx.wait{ event = "reply", within = "1s" }
        return { got.payload.text, next.payload.text, err.code } ]] }
      e:emit("reply", { to = 1, text = "too early" })
      drain(e)
      h.now = h.now + 1000
      local run = h:run("a", { n = 1 })
      h.now = h.now + 1000
      e:emit("reply", { to = 2, text = "another's" })
      e:emit("reply", { to = 1, text = "in time" })
      drain(e)
      e = h:reopen()
      later(e, 3600000)
      later(e, 2000)
      -- the second wait is given what the first left, and the third nothing that was given
      assert.same({ "in time", "another's", "timeout" }, e:describe(run.run).output)
    end)

    it("no event that started its run, none it had, and none from before when it says now", function()
      local e = with { a = agent([[
        local _, one = ctx.wait{ event = "go", within = "1s" }
        ctx.sleep("1m")
        local _, two = ctx.wait{ event = "x", since = "now", within = "1s" }
        local got = ctx.wait{ event = "x", since = "2m" }
        local _, three = ctx.wait{ event = "x", within = "1s" }
        return { one.code, two.code, got.payload.n, three.code } ]], 'on = { event = "go" },') }
      e:emit("go", { n = 1 })
      drain(e)
      later(e, 1001)
      e:emit("x", { n = 5 })
      drain(e)
      later(e, 60001)
      later(e, 1001)
      later(e, 1001)
      assert.same({ "timeout", "timeout", 5, "timeout" }, e:list({ agent = "a" })[1].output)
    end)

    it("an event that a wait had which was given up before it could tell", function()
      local e = with { a = agent [[
        ctx.any{ function() ctx.wait{ event = "x" } end, function() ctx.wait{ event = "stop" } end }
        return ctx.wait{ event = "x", within = "1h" }.payload.n ]] }
      local run = h:run("a")
      h.now = h.now + 1000
      -- the engine dies when the second wait won and the first had its event, but no result
      local id, tx = e:run_row(run.run).id, e.store:tx()
      tx:add("event.put", { event = "evt_stop", type = "stop", payload_codec = {}, now = h.now, trust = "owner" })
      tx:add("event.put", { event = "evt_x", type = "x", payload_codec = { n = 7 }, now = h.now, trust = "owner" })
      assert(e:commit(tx))
      local stop, x = e:event("evt_stop").number, e:event("evt_x").number
      local handle = assert(e.runner:run { id = id })
      assert(handle:load(e:run_row(run.run).tail))
      tx = e.store:tx()
      for seq, event in ipairs { x, stop } do
        tx:add("wait.give", { run = id, seq = seq, event = event })
        tx:add("event.done", { id = event })
      end
      tx:add("wait.heard", { run = id, seq = 2 })
      tx:add("wait.drop", { run = id, seq = 2 })
      assert(handle:append(tx, "result", { type = "stop" }, h.now, 2))
      tx:add("run.state", { id = id, state = "running", tail = handle:tail(), steps = 1, cost = 0, active_ms = 0, now = h.now })
      handle:release()
      assert(e.store:commit(tx))
      e = h:reopen()
      drain(e)
      assert.equal(7, e:describe(run.run).output)
    end)

    it("an event once, in whichever turn the engine dies", function()
      with { a = agent [[
        local first = ctx.wait{ event = "x" }
        local second = ctx.wait{ event = "x" }
        return { first.payload.n, second.payload.n } ]] }
      for turns = 0, 30 do
        local e, known = h.engine, nil
        local run = h:run("a")
        loop.spawn(function() known = e:emit("x", { n = 1 }) end)
        for _ = 1, turns do loop.turn(e:busy()) end
        e = h:reopen()
        drain(e)
        local kept = #e:event_list { type = "x", since = h.now, limit = 10 }
        assert.is_true(kept == 1 or not known)
        e:emit("x", { n = 2 })
        drain(e)
        if kept == 0 then
          e:emit("x", { n = 3 })
          drain(e)
        end
        assert.same(kept == 1 and { 1, 2 } or { 2, 3 }, e:describe(run.run).output, "turn " .. turns)
        h.now = h.now + 1000
      end
    end)

    it("words when it is asked wrongly", function()
      local e = with { a = agent [[
        local function why(spec) local ok, err = pcall(ctx.wait, spec) return not ok and err end
        return { why{ event = "x", since = "soon" }, why{ event = "x", where = { n = { ["=>"] = 1 } } } } ]] }
      local run = h:run("a")
      assert.match("'since'", run.output[1])
      assert.match("no operator '=>'", run.output[2])
      assert.equal("done", e:describe(run.run).state)
    end)
  end)

  it("loses nothing and starts nothing twice, in whichever turn the engine dies", function()
    with { a = agent([[
        ctx.step{ name = "one", run = function() return 1 end }
        return input.n ]], 'on = { event = "go", key = "n", order = "t" }, concurrency = 3,'),
      b = agent("return input.n", 'on = { event = "go", coalesce = "1s" },'),
      c = agent([[ ctx.emit("go", { n = 1000 + input.n, t = "z" }) return 1 ]], 'on = { event = "first" },') }
    local published = {}
    for turns = 0, 60 do
      local e, known = h.engine, {}
      for i = 1, 3 do
        local n = turns * 10 + i
        loop.spawn(function()
          known[i] = e:emit("go", { n = n, t = "t" .. i % 2 }, { key = "k" .. n }) and n
        end)
      end
      loop.spawn(function() known[4] = e:emit("first", { n = turns }) and 1000 + turns end)
      for _ = 1, turns do loop.turn(e:busy()) end
      e = h:reopen()
      for _, n in pairs(known) do published[#published + 1] = n end
      later(e, 1000)
    end
    local e = h.engine
    later(e, 1000)
    local seen = {}
    for _, n in ipairs(begun(e, "a")) do
      assert.is_nil(seen[n], n .. " was started twice")
      seen[n] = true
    end
    for _, n in ipairs(published) do assert.is_true(seen[n], n .. " was lost") end
    assert.is_true(#published > 100)
    assert.same({}, e:event_list { state = "new" })
    assert.same({ started = #begun(e, "a") }, states(e, "a"))
    for _, run in ipairs(e:list { limit = 1000 }) do assert.equal("done", run.state, json.encode(run)) end
  end)
end)
