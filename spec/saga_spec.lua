-- Effects whose outcome nobody knows, retries, compensations, timeouts.
local home = require "spec.support.home"
local json = require "json"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

describe("an effect", function()
  local h, w
  before_each(function() w = world.install() end)
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(body, extra, parts)
    parts = parts or {}
    parts.config, parts.agents = config, { a = agent(body, 'uses = { "bank" }, ' .. (extra or "")) }
    h = home.make(parts)
    return h:open()
  end

  local pay = 'return ctx.skill.bank{ op = "pay", key = "inv-1", amount = 5 }'

  local function lost_answer(_, _, arrive)
    arrive()
    return nil, { code = "connection_lost", message = "the line went dead", unknown = true }
  end

  --- The run, after everything that can go on has.
  local function settle(e, run)
    assert(e:drain())
    return e:describe(run.run)
  end

  local function no_replay_difference(e, run)
    local played = assert(e:replay(run.run))
    assert.same({ equal = true }, { equal = played.equal, why = played.why, at = played.at })
  end

  it("whose answer was lost is a question to the owner, with what was sent", function()
    w.on = lost_answer
    local e = with(pay)
    local run = h:run("a")
    assert.equal("needs_reconciliation", run.state)
    local item = e:inbox()[1]
    assert.equal("reconcile", item.kind)
    assert.equal("bank.pay inv-1", item.subject)
    assert.equal("inv-1", item.proposal.key)
    assert.equal(5, item.proposal.args.amount)
    assert.match("line went dead", item.proposal.why)
    assert.equal(1, #w.arrived)
  end)

  it("that happened goes on with the owner's result and is not sent again", function()
    w.on = lost_answer
    local e = with(pay)
    local run = h:run("a")
    e = h:reopen()
    assert(e:reconcile(e:inbox()[1].id, { answer = "happened", value = { id = "tx-9" }, note = "seen in the bank" }))
    run = settle(e, run)
    assert.equal("done", run.state)
    assert.same({ id = "tx-9" }, run.output)
    assert.equal(1, #w.arrived)
    assert.same({}, e:inbox())
    no_replay_difference(e, run)
  end)

  it("that did not happen is sent again, and asked about again when the engine dies meanwhile", function()
    w.on = function() return nil, { code = "timeout", message = "no answer", unknown = true } end
    local e = with(pay)
    local run = h:run("a")
    assert(e:reconcile(e:inbox()[1].id, { answer = "not_happened" }))
    run = settle(e, run)
    assert.equal("needs_reconciliation", run.state)
    assert.equal(2, w.attempts)
    w.on = nil
    assert(e:reconcile(e:inbox()[1].id, { answer = "not_happened" }))
    run = settle(e, run)
    assert.equal("done", run.state)
    assert.equal(1, #w.arrived)
    no_replay_difference(e, run)
  end)

  it("is undone where the adapter knows how, and the run's own steps after it", function()
    w.on, w.undoes = lost_answer, true
    local e = with([[
      ctx.step{ name = "first", run = function() return 7 end,
        undo = function(v) ctx.records.put{ type = "t", key = "undone", value = { v = v } } end }
      return ctx.skill.bank{ op = "pay", key = "inv-1" } ]])
    local run = h:run("a")
    assert(e:reconcile(e:inbox()[1].id, { answer = "undo" }))
    run = settle(e, run)
    assert.equal("compensated", run.state)
    assert.equal("undone", run.error.code == "error" and run.error.message:match("undone") or run.error.code)
    assert.equal("inv-1", w.undone[1].key)
    assert.same({ v = 7 }, e:records("t")[1].value)
    no_replay_difference(e, run)
  end)

  it("that cannot be undone says so and stays open", function()
    w.on = lost_answer
    local e = with(pay)
    h:run("a")
    local item, err = e:reconcile(e:inbox()[1].id, { answer = "undo" })
    assert.is_nil(item)
    assert.equal("K7006", err.number)
    assert.equal(1, #e:inbox())
  end)

  it("that is abandoned ends the run as it is", function()
    w.on = lost_answer
    local e = with(pay)
    local run = h:run("a")
    assert(e:reconcile(e:inbox()[1].id, { answer = "abandon" }))
    run = settle(e, run)
    assert.equal("failed", run.state)
    assert.equal("abandoned", run.error.code)
    assert.equal(1, #w.arrived)
    no_replay_difference(e, run)
  end)

  it("is not asked about when the world can be probed", function()
    w.on, w.knows = lost_answer, true
    local e = with(pay)
    local run = h:run("a")
    assert.equal("done", run.state)
    assert.is_true(run.output.probed)
    assert.equal(1, #w.arrived)
    no_replay_difference(e, run)
  end)

  it("with a key is sent again after a lost answer, and happens once", function()
    w.on = function(_, _, arrive)
      arrive()
      if w.attempts < 3 then return nil, { code = "connection_lost", message = "dead", unknown = true } end
      return { ok = true }
    end
    local e = with 'return ctx.skill.bank{ op = "send", key = "m-1" }'
    local run = h:run("a")
    assert.equal("waiting", run.state)
    assert.equal("timer", run.waiting_for)
    for _ = 1, 3 do
      h.now = h.now + 60000
      e = h:reopen()
      run = settle(e, run)
    end
    assert.equal("done", run.state)
    assert.equal(1, w:count("m-1"))
    assert.equal(3, w.attempts)
    assert.equal(3, e:log(run.run)[1].attempts)
    no_replay_difference(e, run)
  end)

  it("was begun when the engine died: probed, else asked", function()
    local e = with(pay)
    w.on = function() error { code = "gone" } end -- nothing is recorded: as if the process had died here
    local run = assert(e:start("a", {}))
    w.on = function(_, _, arrive)
      arrive()
      e.failed = { message = "the process is gone" } -- no result becomes true
      require("loop").stop()
      return { ok = true }
    end
    e:drain()
    e.failed = nil
    w.on = nil
    e = h:reopen()
    run = settle(e, run)
    assert.equal("needs_reconciliation", run.state)
    assert.equal(1, #w.arrived)
    assert.match("ended before", e:inbox()[1].proposal.why)
  end)

  it("leaves its branch alone waiting, while the others go on", function()
    w.on = function(cmd, _, arrive)
      arrive()
      if cmd.args.key == "b" then return nil, { code = "timeout", message = "?", unknown = true } end
      return { ok = true }
    end
    local e = with [[
      local out = ctx.all{ a = function() return ctx.skill.bank{ op = "pay", key = "a" } end,
        b = function() return ctx.skill.bank{ op = "pay", key = "b" } end,
        c = function() ctx.records.put{ type = "t", key = "c", value = 1 } return 1 end }
      return out.b ]]
    local run = h:run("a")
    assert.equal("needs_reconciliation", run.state)
    assert.equal(1, #e:records("t"))
    assert(e:reconcile(e:inbox()[1].id, { answer = "happened" }))
    run = settle(e, run)
    assert.equal("done", run.state)
    assert.equal(2, #w.arrived)
    no_replay_difference(e, run)
  end)

  it("that nobody waits for any more is noted when it arrives", function()
    local loop, arrive_now = require "loop", nil
    w.on = function(_, _, arrive)
      loop.await(function(wake) arrive_now = wake end)
      arrive()
      return { ok = true }
    end
    local e = with [[
      return (ctx.any{ pay = function() return ctx.skill.bank{ op = "pay", key = "k" } end,
        quick = function() ctx.sleep("1s") return 1 end }) ]]
    local run = assert(e:start("a", {}))
    e:drain(function() return arrive_now ~= nil end)
    h.now = h.now + 1001
    e:fire()
    e:drain(function() return e.active[run.id].end_with end)
    assert.is_nil(e:describe(run.run).ended) -- not before it is known
    arrive_now()
    assert(e:drain())
    assert.equal("quick", e:describe(run.run).output)
    assert.equal("effect.late", e:rows("audit.list", { limit = 1 })[1].what)
    no_replay_difference(e, run)
  end)

  it("that nobody waits for any more is asked about when the engine died meanwhile", function()
    local loop, begun = require "loop", false
    w.on = function()
      begun = true
      loop.await(function() end)
    end
    local e = with [[
      ctx.any{ pay = function() return ctx.skill.bank{ op = "pay", key = "k" } end,
        quick = function() ctx.sleep("1s") return 1 end }
      ctx.sleep("1h")
      return "over" ]]
    local run = assert(e:start("a", {}))
    e:drain(function() return begun end)
    h.now = h.now + 1001
    e:fire()
    e:drain(function() return e.active[run.id].handle:steps() > 0 and e.active[run.id].idle end)
    e = h:reopen()
    assert(e:drain())
    local item = e:inbox()[1]
    assert.equal("reconcile", item.kind)
    assert.is_true(item.proposal.orphan)
    h.now = h.now + 3600001
    e:fire()
    assert(e:drain())
    assert.equal("over", e:describe(run.run).output)
    assert.equal(1, #e:inbox())
    assert(e:reconcile(item.id, { answer = "happened" }))
    assert(e:drain())
    assert.same({}, e:inbox())
    no_replay_difference(e, run)
  end)

  it("cannot be approved, and a proposal cannot be reconciled", function()
    w.on = lost_answer
    local e = with(pay)
    h:run("a")
    local _, err = e:decide(e:inbox()[1].id, { state = "approved" })
    assert.equal("K1041", err.number)
  end)

  describe("that failed for sure", function()
    it("is tried again by the default policy when it passes by itself", function()
      w.on = function(_, _, arrive)
        if w.attempts == 1 then return nil, { code = "overloaded", message = "busy", after_ms = 20000 } end
        arrive()
        return { ok = true }
      end
      local e = with(pay)
      local run = h:run("a")
      assert.equal("timer", run.waiting_for)
      h.now = h.now + 19999
      e:fire()
      run = settle(e, run)
      assert.equal("waiting", run.state)
      h.now = h.now + 2
      e:fire()
      run = settle(e, run)
      assert.equal("done", run.state)
      assert.equal(1, #w.arrived)
      no_replay_difference(e, run)
    end)

    it("is tried no longer than its policy says, counted from the first try, also over restarts", function()
      w.retry = assert(require("retry").policy { attempts = 50, initial = "1m", factor = 1, jitter = 0, within = "150s" })
      w.on = function() return nil, { code = "overloaded", message = "busy", retry = true } end
      for _, op in ipairs { "pay", "look" } do
        local e = with(('local v, err = ctx.skill.bank{ op = "%s", key = "k" } return err.code'):format(op))
        w.attempts = 0
        local run = h:run("a")
        for _ = 1, 5 do
          h.now = h.now + 60000
          e = h:reopen()
          run = settle(e, run)
        end
        assert.same({ "done", "overloaded", 3 }, { run.state, run.output, w.attempts })
        no_replay_difference(e, run)
        if op == "pay" then h:remove() end
      end
    end)

    it("is the script's to handle when no try can mend it", function()
      w.on = function() return nil, { code = "invalid_request", message = "no such account" } end
      local e = with 'local v, err = ctx.skill.bank{ op = "pay", key = "x" } return { code = err.code, v = v }'
      local run = h:run("a")
      assert.equal("done", run.state)
      assert.equal("invalid_request", run.output.code)
      assert.equal(1, w.attempts)
      no_replay_difference(e, run)
    end)
  end)

  describe("of a step with a policy", function()
    it("is tried as often as it says, with growing pauses, and told in the log", function()
      w.on = function(_, _, arrive)
        if w.attempts < 4 then return nil, { code = "not_ready", message = "later" } end
        arrive()
        return { ok = true }
      end
      local e = with [[
        return ctx.step{ name = "pay", retry = { attempts = 5, initial = "10s", factor = 3, max = "5m", jitter = 0 },
          run = function() return ctx.skill.bank{ op = "pay", key = "k" .. ctx.random(1000) } end } ]]
      local run, began = h:run("a"), h.now
      local tries = {}
      for _ = 1, 200 do
        h.now = h.now + 1000
        e:fire()
        run = settle(e, run)
        tries[w.attempts] = tries[w.attempts] or h.now - began
        if run.state == "done" then break end
      end
      assert.equal("done", run.state)
      assert.same({ [2] = 10000, [3] = 40000, [4] = 130000 }, { [2] = tries[2], [3] = tries[3], [4] = tries[4] })
      assert.equal(4, e:log(run.run)[1].attempts)
      no_replay_difference(e, run)
    end)

    it("fails with the last error when the attempts or the time are used up", function()
      w.on = function() return nil, { code = "not_ready", message = "later " .. w.attempts } end
      local e = with [[
        local v, err = ctx.step{ name = "pay", retry = { attempts = 3, initial = "1s" },
          run = function() return ctx.skill.bank{ op = "pay" } end }
        local w, late = ctx.step{ name = "again", retry = { attempts = 30, initial = "1m", factor = 1, jitter = 0, within = "90s" },
          run = function() return ctx.skill.bank{ op = "pay" } end }
        return { v = v, message = err.message, late = late.message } ]]
      local run = h:run("a")
      for _ = 1, 20 do
        h.now = h.now + 60000
        e = h:reopen()
        run = settle(e, run)
      end
      assert.equal("done", run.state)
      assert.same({ message = "later 3", late = "later 5" }, run.output)
      no_replay_difference(e, run)
    end)

    it("is not tried again for a code that it names", function()
      w.on = function() return nil, { code = "closed", message = "the account is closed" } end
      local e = with [[
        local v, err = ctx.step{ name = "pay", retry = { never = { "closed" } },
          run = function() return ctx.skill.bank{ op = "pay" } end }
        return err.code ]]
      assert.equal("closed", h:run("a").output)
      assert.equal(1, w.attempts)
      assert.is_nil(e.failed)
    end)

    it("tells a misspelt policy", function()
      with [[ return ctx.step{ name = "x", retry = { attemts = 3 }, run = function() error "no" end } ]]
      local run = h:run("a")
      assert.equal("failed", run.state)
      assert.match("attempts", run.error.message)
    end)
  end)

  it("with a policy that cannot be read, or a time limit that is no length of time, fails by wrong use", function()
    for text, message in pairs {
      ['timeout = "x"'] = "timeout of ctx.step", ["timeout = -1"] = "timeout of ctx.step", ["timeout = 0/0"] = "timeout of ctx.step",
      ["timeout = {}"] = "timeout of ctx.step", ['timeout = "5q"'] = "no duration", ["timeout = 1e300"] = "no duration",
      ["retry = 0"] = "retry.attempts", ["retry = { factor = 0 }"] = "retry.factor", ['retry = { initial = "x" }'] = "retry.initial",
      ["retry = { atempts = 2 }"] = "did you mean 'attempts'", ["retry = 0/0"] = "finite",
    } do
      with(('ctx.step{ name = "s", %s, run = function() ctx.sleep("1ms") error("why") end }'):format(text))
      local run = h:run("a")
      h.now = h.now + 2
      h.engine:fire()
      run = settle(h.engine, run)
      assert.equal("failed", run.state, text)
      assert.match(message, run.error.message, 1, true)
      h:remove()
    end
    with 'ctx.sleep(1e18)'
    assert.equal("failed", h:run("a").state)
  end)
end)

describe("a run that fails", function()
  local h, w
  before_each(function() w = world.install() end)
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(body, extra)
    h = home.make { config = config, agents = { a = agent(body, 'uses = { "bank" }, ' .. (extra or "")) } }
    return h:open()
  end

  local function notes(e)
    local list = {}
    for i, row in ipairs(e:records("undone")) do list[i] = row.key end
    return list
  end

  local function equal(e, run)
    local played = assert(e:replay(run.run))
    assert.same({ equal = true }, { equal = played.equal, why = played.why, at = played.at })
  end

  it("has a step given up after its time, and what it began with it", function()
    local e = with [[
      local v, err = ctx.step{ name = "slow", timeout = "10s", run = function() ctx.sleep("1h") return 1 end }
      local quick = ctx.step{ name = "quick", timeout = "10s", run = function() return 2 end }
      return { v = v, code = err.code, quick = quick } ]]
    local run = h:run("a")
    assert.equal("waiting", run.state)
    h.now = h.now + 10001
    e = h:reopen()
    assert(e:drain())
    run = e:describe(run.run)
    assert.same({ code = "timeout", quick = 2 }, run.output)
    equal(e, run)
  end)

  it("is undone newest first, also what was done side by side", function()
    local e = with [[
      local function keep(name) return { name = name, run = function() return name end,
        undo = function(v) ctx.records.put{ type = "undone", key = ("%d-%s"):format(ctx.now() and #ctx.records.find{ type = "undone" }, v), value = 1 } end } end
      ctx.step(keep "a")
      ctx.all{ function() ctx.sleep("2s") ctx.step(keep "b") end, function() ctx.sleep("1s") ctx.step(keep "c") end }
      error("no") ]]
    local run = h:run("a")
    for _ = 1, 3 do
      h.now = h.now + 1000
      e:fire()
      assert(e:drain())
    end
    run = e:describe(run.run)
    assert.equal("compensated", run.state)
    assert.same({ "0-b", "1-c", "2-a" }, notes(e))
    equal(e, run)
  end)

  it("asks the owner about a compensation that fails for good, and goes on with the answer", function()
    local e = with [[
      ctx.step{ name = "one", run = function() return 1 end, undo = function() ctx.records.put{ type = "undone", key = "one", value = 1 } end }
      ctx.step{ name = "two", run = function() return 2 end, undo = function() return ctx.skill.bank{ op = "look" } end }
      error("no") ]]
    w.on = function() return nil, { code = "refused", message = "the bank says no" } end
    local run = h:run("a")
    assert.equal("needs_reconciliation", run.state)
    local item = e:inbox()[1]
    assert.equal("stuck_undo", item.kind)
    assert.match("bank says no", item.proposal.error)
    assert.same({}, notes(e))
    e = h:reopen()
    assert(e:reconcile(item.id, { answer = "not_happened" })) -- try again
    assert(e:drain())
    assert.equal("needs_reconciliation", e:describe(run.run).state)
    assert(e:reconcile(e:inbox()[1].id, { answer = "happened", note = "called the bank" }))
    assert(e:drain())
    run = e:describe(run.run)
    assert.equal("compensated", run.state)
    assert.same({ "one" }, notes(e))
    equal(e, run)
  end)

  it("tries a compensation again as its own policy says", function()
    local e = with [[
      ctx.step{ name = "two", run = function() return 2 end, undo_retry = { attempts = 3, initial = "1m" },
        undo = function() return ctx.skill.bank{ op = "look" } end }
      error("no") ]]
    w.on = function()
      if w.attempts < 3 then return nil, { code = "refused", message = "not now" } end
      return { ok = true }
    end
    local run = h:run("a")
    for _ = 1, 3 do
      assert.equal("waiting", e:describe(run.run).state)
      h.now = h.now + 120000
      e = h:reopen()
      assert(e:drain())
      if e:describe(run.run).state ~= "waiting" then break end
    end
    assert.equal("compensated", e:describe(run.run).state)
    equal(e, run)
  end)

  it("is undone also when it died of a cap", function()
    local e = with([[
      ctx.step{ name = "one", run = function() return 41 end,
        undo = function(v) ctx.records.put{ type = "undone", key = "one", value = { v = v } } end }
      while true do end ]], "caps = { instructions = 200000 },")
    local run = h:run("a")
    assert.equal("compensated", run.state, json.encode(run))
    assert.equal("instructions", run.error.code)
    assert.same({ v = 41 }, e:records("undone")[1].value)
    equal(e, run)
  end)

  it("is ended by its longest time, and undone", function()
    local e = with([[
      ctx.step{ name = "one", run = function() return 1 end, undo = function() ctx.records.put{ type = "undone", key = "one", value = 1 } end }
      ctx.sleep("10h") ]], 'timeout = "1h",')
    local run = h:run("a")
    h.now = h.now + 3600001
    e = h:reopen()
    e:fire()
    assert(e:drain())
    run = e:describe(run.run)
    assert.equal("compensated", run.state)
    assert.equal("deadline", run.error.code)
    assert.same({ "one" }, notes(e))
    equal(e, run)
  end)
end)

describe("ctx.atomic", function()
  local h
  after_each(function()
    h:remove()
    h = nil
  end)

  local function with(body)
    h = home.make { agents = { a = agent(body), b = agent('return input', 'on = { event = "x.done" },') } }
    return h:open()
  end

  it("makes several writes true together, as one step", function()
    local e = with [[
      local got = ctx.atomic(function()
        ctx.records.put{ type = "t", key = "1", value = { n = 1 } }
        ctx.records.put{ type = "t", key = "2", value = { n = 2 } }
        ctx.memory.remember{ kind = "note", key = "k", text = "kept together" }
        ctx.emit("x.done", { n = 3 })
        return ctx.records.get{ type = "t", key = "1" } == nil and "not yet" or "there"
      end)
      return got ]]
    local run = h:run("a")
    assert.equal("not yet", run.output)
    assert.equal(2, #e:records("t"))
    assert.equal(1, #e:list { agent = "b" })
    local kinds = {}
    for i, entry in ipairs(e:log(run.run)) do kinds[i] = entry.kind end
    assert.same({ "records", "atomic" }, kinds)
    assert.is_true(e:replay(run.run).equal)
  end)

  it("writes nothing when its function raises or one of the writes is refused", function()
    local e = with [[
      local ok = pcall(ctx.atomic, function()
        ctx.records.put{ type = "t", key = "1", value = 1 }
        error("no")
      end)
      local ok2, why = pcall(ctx.atomic, function()
        ctx.records.put{ type = "t", key = "2", value = 1 }
        ctx.records.put{ type = "t", value = 1 }
      end)
      local ok3, why3 = pcall(ctx.atomic, function() ctx.sleep("1s") ctx.step{ name = "s", run = function() end } end)
      return { ok, ok2, why, ok3, why3 } ]]
    local run = h:run("a")
    h.now = h.now + 2000
    e:fire()
    assert(e:drain())
    run = e:describe(run.run)
    assert.equal("done", run.state)
    assert.is_false(run.output[1])
    assert.is_false(run.output[2])
    assert.match("key", run.output[3])
    assert.is_false(run.output[4])
    assert.match("atomic", run.output[5])
    assert.same({}, e:records("t"))
  end)

  it("refuses what is no reading or writing, and writes what was gathered all the same", function()
    local e = with [[
      local refused = 0
      ctx.atomic(function()
        ctx.records.put{ type = "t", key = "1", value = 1 }
        for _, call in pairs{ function() ctx.sleep("1s") end, function() ctx.approve{ subject = "s", proposal = 1 } end,
          function() ctx.wait{ event = "e" } end, function() ctx.call("a", {}) end,
          function() ctx.step{ name = "s", run = function() end } end, function() ctx.model{ prompt = "p" } end,
          function() ctx.all{} end, function() ctx.any{} end, function() ctx.patch("p") end } do
          local ok, err = pcall(call)
          if not ok and tostring(err):find("ctx.atomic takes reads and writes only", 1, true) then refused = refused + 1 end
        end
        ctx.records.get{ type = "t", key = "1" }
        ctx.records.put{ type = "t", key = "2", value = 1 }
      end)
      return refused ]]
    local run = h:run("a")
    assert.equal(9, run.output)
    assert.equal(2, #e:records "t")
    assert.equal(2, #e:records "t")
    assert.is_true(e:replay(run.run).equal)
  end)
end)
