-- What the owner does to runs as a whole: hold, give up, fork, move.
local home = require "spec.support.home"
local json = require "json"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

describe("the owner", function()
  local h, w
  before_each(function() w = world.install() end)
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(agents)
    h = home.make { config = config, agents = agents }
    return h:open()
  end

  local function state(run) return h.engine:describe(run.run).state end

  local function equal(run)
    local played = assert(h.engine:replay(run.run))
    assert.same({ equal = true }, { equal = played.equal, why = played.why, at = played.at })
  end

  --- Let time pass, then everything that can go on.
  local function after(ms)
    h.now = h.now + ms
    h.engine:fire()
    assert(h.engine:drain())
  end

  local sleeper = agent [[
    ctx.step{ name = "one", run = function() return 1 end,
      undo = function(v) ctx.records.put{ type = "undone", key = "one", value = { v = v } } end }
    ctx.sleep("1h")
    return "over" ]]

  describe("who pauses", function()
    it("a run, finds it where it was, and its time is not lost", function()
      local e = with { a = sleeper }
      local run = h:run("a")
      assert.equal("run:" .. run.run, e:pause({ run = run.run }, {}))
      after(3600001)
      local told = e:describe(run.run)
      assert.same({ "waiting", "paused" }, { told.state, told.waiting_for })
      e = h:reopen() -- also after a restart
      assert(e:drain())
      assert.equal("paused", e:describe(run.run).waiting_for)
      assert.same({ scope = "run:" .. run.run, runs = 1 }, e:resume({ run = run.run }, {}))
      assert(e:drain())
      assert.equal("over", e:describe(run.run).output)
      equal(run)
    end)

    it("an agent, holds what runs at the next step, and what is begun later from the first", function()
      local e = with { a = agent [[
        for i = 1, 50 do ctx.step{ name = "s" .. i, run = function() return i end } end
        return "over" ]], b = agent 'return ctx.call("a", {})' }
      local run = assert(e:start("a", {}))
      e:drain(function() return e:describe(run.run).steps > 0 or (e.active[run.id] and e.active[run.id].handle:steps() > 5) end)
      assert(e:pause({ agent = "a" }, {}))
      assert(e:drain())
      local told = e:describe(run.run)
      assert.same({ "waiting", "paused" }, { told.state, told.waiting_for })
      assert.is_true(told.steps < 50)
      local parent = h:run("b")
      assert.same({ "waiting", "child" }, { parent.state, parent.waiting_for })
      assert.equal(2, e:resume({ agent = "a" }, {}).runs)
      assert(e:drain())
      assert.equal("over", e:describe(run.run).output)
      assert.equal("over", e:describe(parent.run).output)
      equal(run)
    end)

    it("everything, still lets arrive what is on its way", function()
      local e, arrive_now = with { a = agent([[
        local got = ctx.skill.bank{ op = "pay", key = "k" }
        return got.ok ]], 'uses = { "bank" },') }, nil
      local loop = require "loop"
      w.on = function(_, _, arrive)
        loop.await(function(wake) arrive_now = wake end)
        arrive()
        return { ok = true }
      end
      local run = assert(e:start("a", {}))
      e:drain(function() return arrive_now ~= nil end)
      assert(e:pause({ all = true }, { note = "panic" }))
      arrive_now()
      assert(e:drain())
      assert.equal("paused", e:describe(run.run).waiting_for)
      assert.equal("done", e:log(run.run)[1].state)
      assert.equal(1, #w.arrived)
      e = h:reopen()
      assert(e:resume({ all = true }, {}))
      assert(e:drain())
      assert.is_true(e:describe(run.run).output)
      assert.equal(1, #w.arrived)
      equal(run)
    end)

    it("twice, resumes twice: a run goes on when nothing holds it", function()
      local e = with { a = sleeper }
      local run = h:run("a")
      assert(e:pause({ all = true }, {}))
      assert(e:pause({ agent = "a" }, {}))
      after(3600001)
      assert.equal(0, e:resume({ all = true }, {}).runs)
      assert(e:drain())
      assert.equal("waiting", state(run))
      assert.equal(1, e:resume({ agent = "a" }, {}).runs)
      assert(e:drain())
      assert.equal("done", state(run))
      local _, err = e:resume({ agent = "a" }, {})
      assert.equal("K1043", err.number)
    end)

    it("and decides meanwhile, is heard when it goes on", function()
      local e = with { a = agent 'return ctx.approve{ subject = "s", proposal = 1 }.outcome' }
      local run = h:run("a")
      assert(e:pause({ run = run.run }, {}))
      assert(e:decide(e:inbox()[1].id, { state = "approved" }))
      assert(e:drain())
      assert.equal("waiting", state(run))
      assert(e:resume({ run = run.run }, {}))
      assert(e:drain())
      assert.equal("approved", e:describe(run.run).output)
    end)
  end)

  describe("who cancels a run", function()
    it("that waits, has it undone and ended", function()
      local e = with { a = sleeper }
      local run = h:run("a")
      e = h:reopen()
      assert(e:cancel(run.run, { note = "twice" }))
      assert(e:drain())
      run = e:describe(run.run)
      assert.equal("cancelled", run.state)
      assert.equal("cancelled", run.error.code)
      assert.same({ v = 1 }, e:records("undone")[1].value)
      assert.is_nil(e:rows("timer.next", { after = -1 })[1].due)
      equal(run)
      local _, err = e:cancel(run.run, {})
      assert.equal("K1042", err.number)
    end)

    it("at work, has it undone after the step that is under way", function()
      local e = with { a = agent([[
        for i = 1, 1000 do
          ctx.step{ name = "s" .. i, run = function() return i end,
            undo = function(v) ctx.records.put{ type = "undone", key = ("%04d"):format(v), value = 1 } end }
        end ]], "caps = { instructions = 20000000 },") }
      local run = assert(e:start("a", {}))
      e:drain(function() return e.active[run.id] and e.active[run.id].handle:steps() > 5 end)
      assert(e:cancel(run.run, {}))
      assert(e:drain())
      run = e:describe(run.run)
      assert.equal("cancelled", run.state)
      local done = 0
      for _, entry in ipairs(e:log(run.run)) do
        if entry.kind == "step" and entry.state == "done" then done = done + 1 end
      end
      assert.is_true(done >= 5 and done < 1000, done)
      assert.equal(done, #e:records("undone"))
      equal(run)
    end)

    it("in the middle of an effect, waits for it, and undoes its step too", function()
      local e, arrive_now = with { a = agent([[
        ctx.step{ name = "pay", run = function() return ctx.skill.bank{ op = "pay", key = "k" } end,
          undo = function(got) ctx.skill.bank{ op = "pay", key = "refund " .. got.id } end }
        ctx.sleep("1h") ]], 'uses = { "bank" },') }, nil
      local loop = require "loop"
      w.on = function(cmd, _, arrive)
        if cmd.args.key == "k" then loop.await(function(wake) arrive_now = wake end) end
        arrive()
        return { id = "tx" }
      end
      local run = assert(e:start("a", {}))
      e:drain(function() return arrive_now ~= nil end)
      assert(e:cancel(run.run, {}))
      assert.equal("running", state(run))
      arrive_now()
      assert(e:drain())
      assert.equal("cancelled", state(run))
      assert.equal("refund tx", w.arrived[2].key)
      equal(run)
    end)

    it("that waits inside of a step with an undo, is asked what became of that step", function()
      local e = with { a = agent [[
        ctx.step{ name = "wait", run = function() ctx.sleep("1h") return 1 end, undo = function() end }
        return 1 ]] }
      local run = h:run("a")
      assert(e:cancel(run.run, {}))
      assert(e:drain())
      assert.equal("needs_reconciliation", state(run))
      local item = e:inbox()[1]
      assert.equal("stuck_undo", item.kind)
      assert(e:reconcile(item.id, { answer = "happened" }))
      assert(e:drain())
      assert.equal("cancelled", state(run))
      equal(run)
    end)

    it("has its children given up too", function()
      local e = with { a = agent 'return ctx.call("b", {})', b = agent 'return ctx.call("c", {})', c = sleeper }
      local run = h:run("a")
      assert(e:cancel(run.run, {}))
      assert(e:drain())
      for _, one in ipairs(e:list {}) do assert.equal("cancelled", one.state, one.agent) end
      assert.equal(1, #e:records("undone"))
      equal(run)
    end)

    it("that asks about an effect, is told to answer first", function()
      w.on = function() return nil, { code = "timeout", message = "?", unknown = true } end
      local e = with { a = agent('ctx.skill.bank{ op = "pay", key = "k" }', 'uses = { "bank" },') }
      local run = h:run("a")
      local _, err = e:cancel(run.run, {})
      assert.equal("K7007", err.number)
      assert.equal("needs_reconciliation", state(run))
    end)

    it("loses nothing when the engine dies behind the cancellation", function()
      local e = with { a = sleeper }
      local run = h:run("a")
      assert(e:cancel(run.run, {}))
      e = h:reopen() -- before it went on
      assert(e:drain())
      assert.equal("cancelled", state(run))
      assert.equal(1, #e:records("undone"))
      equal(run)
    end)
  end)

  it("finds that a child which nobody waits for any more is given up", function()
    local e = with { a = agent [[
      return (ctx.any{ child = function() return ctx.call("b", {}) end, time = function() ctx.sleep("1m") end }) ]],
      b = sleeper }
    local run = h:run("a")
    after(60001)
    assert.equal("time", e:describe(run.run).output)
    assert.equal("cancelled", e:list({ agent = "b" })[1].state)
    assert.equal(1, #e:records("undone"))
  end)

  describe("who forks a run", function()
    local body = agent([[
      local a = ctx.step{ name = "a", run = function() return { n = 1 } end }
      local b = ctx.skill.bank{ op = "send", key = "m" .. a.n }
      local c = ctx.step{ name = "c", run = function() return a.n * 10 end }
      return { a = a.n, c = c, sent = b.ok } ]], 'uses = { "bank" },')

    it("has the prefix, does nothing of it again, and acts for itself after", function()
      local e = with { a = body }
      local run = h:run("a")
      local fork = assert(e:fork(run.run, 2, {}))
      assert(e:drain())
      fork = e:describe(fork.run)
      assert.same({ "done", run.output }, { fork.state, fork.output })
      assert.not_equal(run.run, fork.run)
      assert.equal(1, #w.arrived)
      assert.equal("0", fork.cost_picousd)
      equal(fork)
    end)

    it("with another result, goes on from that result", function()
      local e = with { a = body }
      local run = h:run("a")
      local fork = assert(e:fork(run.run, 1, { value = { n = 7 } }))
      assert(e:drain())
      fork = e:describe(fork.run)
      assert.same({ a = 7, c = 70, sent = true }, fork.output)
      assert.same({ "m1", "m7" }, { w.arrived[1].key, w.arrived[2].key })
      assert.same({ a = 1, c = 10, sent = true }, e:describe(run.run).output)
      equal(fork)
      equal(run)
    end)

    it("in the middle of a group, sets the group's result without its inside", function()
      local e = with { a = agent [[
        local v = ctx.step{ name = "outer", run = function()
          return ctx.step{ name = "inner", run = function() return 1 end } + 1 end }
        return ctx.step{ name = "last", run = function() return v end } ]] }
      local run = h:run("a")
      assert.equal(2, run.output)
      local fork = assert(e:fork(run.run, 1, { value = 40 }))
      assert(e:drain())
      assert.equal(40, e:describe(fork.run).output)
      equal(fork)
    end)

    it("at a step that is not there, is told so", function()
      local e = with { a = body }
      local run = h:run("a")
      local _, err = e:fork(run.run, 9, {})
      assert.equal("K1044", err.number)
    end)
  end)

  describe("who edits an agent", function()
    local function version(number, text) return (agent(text):gsub("version = 1", "version = " .. number)) end

    local before = version(1, [[
      local a = ctx.step{ name = "a", run = function() return 1 end }
      ctx.sleep("1h")
      return a + 1 ]])

    local function save(text)
      h:write("agents/a.lua", text)
      h.engine.library = require("library").load(h.path, h.engine.settings.adapters)
    end

    it("leaves runs in flight on what they began with", function()
      local e = with { a = before }
      local run = h:run("a")
      save(version(2, 'return "new"'))
      after(3600001)
      assert.equal(2, e:describe(run.run).output)
      assert.equal("new", h:run("a").output)
    end)

    it("is told which of them would go on the same, and which not, with both sides", function()
      local e = with { a = before }
      local run = h:run("a")
      save(version(2, [[
        local a = ctx.step{ name = "a", run = function() return 1 end }
        ctx.sleep("1h")
        return a + 100 ]]))
      local told = assert(e:gate(run.run))
      assert.same({ compatible = true, current = false, from = 1, to = 2 },
        { compatible = told.compatible, current = told.current, from = told.from, to = told.to })
      save(version(3, [[
        local a = ctx.step{ name = "a", run = function() return 1 end }
        ctx.sleep("2h")
        return a + 100 ]]))
      told = e:gate_all("a")[1]
      assert.is_false(told.compatible)
      assert.equal(2, told.at)
      assert.equal("sleep:1h", told.recorded.name)
      assert.equal("sleep:2h", told.new.name)
      assert.equal(4, told.line)
      save(version(4, "return 1"))
      told = e:gate(run.run)
      assert.same({ false, "missing" }, { told.compatible, told.why })
    end)

    it("moves those that can, and they go on with the new code, for ever", function()
      local e = with { a = before }
      local run = h:run("a")
      save(version(2, [[
        local a = ctx.step{ name = "a", run = function() local b = 1 return b end }
        ctx.sleep("1h")
        ctx.step{ name = "new", run = function() return 1 end }
        ctx.sleep("1h")
        return a + 100 ]]))
      local told = assert(e:move(run.run, {}))
      assert.is_true(told.moved)
      assert(e:drain())
      after(3600001)
      e = h:reopen()
      after(3600001)
      run = e:describe(run.run)
      assert.same({ "done", 101, 2 }, { run.state, run.output, run.version })
      equal(run)
    end)

    it("does not move one that would take another way", function()
      local e = with { a = before }
      local run = h:run("a")
      save(version(2, 'ctx.sleep("1h") return 5'))
      local told = assert(e:move(run.run, {}))
      assert.same({ false, nil }, { told.compatible, told.moved })
      after(3600001)
      assert.same({ 2, 1 }, { e:describe(run.run).output, e:describe(run.run).version })
    end)

    it("reaches running code with a patch, where it is not passed yet", function()
      local e = with { a = version(1, [[
        ctx.sleep("1h")
        ctx.sleep("2h")
        return "old" ]]) }
      local early, late = h:run("a"), nil
      after(3600001)
      late = h:run("a") -- it stands at the first sleep, the other at the second
      save(version(2, [[
        ctx.sleep("1h")
        local first = ctx.patch("ask first")
        if first then ctx.step{ name = "ask", run = function() return 1 end } end
        ctx.sleep("2h")
        return first and "patched" or "old" ]]))
      for _, run in ipairs { early, late } do assert.is_true(assert(e:move(run.run, {})).moved) end
      assert(e:drain())
      for _ = 1, 4 do after(3600001) end
      e = h:reopen()
      assert.equal("old", e:describe(early.run).output)
      assert.equal("patched", e:describe(late.run).output)
      equal(early)
      equal(late)
      assert.equal("patched", (function()
        local run = h:run("a")
        after(3600001)
        after(7200001)
        return e:describe(run.run).output
      end)())
    end)
  end)

  it("leaves a trace of each of these: who, when, what", function()
    local e = with { a = sleeper }
    local run = h:run("a")
    e:pause({ run = run.run }, { note = "a moment" })
    e:resume({ run = run.run }, {})
    e:cancel(run.run, { note = "enough" })
    assert(e:drain())
    local seen = {}
    for i, row in ipairs(e:rows("audit.list", { limit = 10 })) do seen[i] = row.what .. " " .. row.who end
    assert.same({ "cancel Mira", "resume Mira", "pause Mira" }, seen, json.encode(seen))
  end)
end)
