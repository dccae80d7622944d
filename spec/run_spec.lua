local file = require "file"
local core = require "core.run"
local home = require "spec.support.home"
local loop = require "loop"

local agent = home.agent

describe("a run's journal", function()
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

  it("replays equal when steps with long bodies go side by side", function()
    local e = with { a = agent [[
      local function work(n) return function()
        return ctx.step{ name = "s" .. n, run = function() local t = 0 for i = 1, n * 1000 do t = t + i end return t end }
      end end
      local out = ctx.all{ a = work(1), b = work(2), c = work(3) }
      ctx.step{ name = "last", run = function() return 1 end }
      return out ]] }
    local run = h:run("a")
    assert.equal("done", run.state)
    assert.same({ equal = true }, { equal = e:replay(run.run).equal, why = e:replay(run.run).why })
  end)

  it("replays a step whose body made steps in branches", function()
    local e = with { a = agent [[
      local v = ctx.step{ name = "outer", run = function()
        local got = ctx.all{ function() return ctx.step{ name = "in1", run = function() return 1 end } end,
          function() return ctx.step{ name = "in2", run = function() return 2 end } end }
        return got[1] + got[2]
      end }
      return ctx.step{ name = "after", run = function() return v end } ]] }
    local run = h:run("a")
    assert.equal("done", run.state)
    assert.equal(3, run.output)
    local r = e:replay(run.run)
    assert.same({ equal = true }, { equal = r.equal, why = r.why })
  end)

  it("lets an order and a callback of gsub make commands, and replays them", function()
    local e = with { a = agent [[
      local asked = 0
      local t = { 3, 1, 2, 5, 4 }
      table.sort(t, function(a, b)
        asked = asked + 1
        return ctx.step{ name = "less", run = function() return a < b end }
      end)
      local text = ("a-b"):gsub("%w", function(c) return ctx.step{ name = "up", run = function() return c:upper() end } end)
      return { table.concat(t, " "), text, asked } ]] }
    local run = h:run("a")
    assert.equal("done", run.state, run.error and run.error.message)
    assert.same({ "1 2 3 4 5", "A-B" }, { run.output[1], run.output[2] })
    local steps = {}
    for _, record in ipairs(e:log(run.run)) do steps[record.name] = (steps[record.name] or 0) + 1 end
    assert.equal(run.output[3] + 2, (steps["step:less"] or steps.less) + (steps["step:up"] or steps.up))
    local r = e:replay(run.run)
    assert.same({ equal = true }, { equal = r.equal, why = r.why })
  end)

  it("finds a long text of the engine's own under the script's text, and the other way round", function()
    with { a = agent [[
      local _, theirs = pcall(ctx.log, "x", "loud")
      local ours = "the levels of ctx.log are debug, info, warn and error"
      local a, b = { [theirs] = "a" }, { [ours] = "b" }
      for i = 1, 60 do a["k" .. i], b["k" .. i] = i, i end
      return { theirs == ours, a[ours], b[theirs] } ]] }
    assert.same({ true, "a", "b" }, h:run("a").output)
  end)

  it("says which library call could not be interrupted", function()
    with { a = agent [[
      local list = setmetatable({}, { __len = function() return 1 end, __index = function() while true do end end })
      return (pcall(table.concat, list)) ]] }
    local run = h:run("a")
    assert.equal("failed", run.state)
    assert.equal("instructions", run.error.code)
    assert.match("in one library call that cannot be interrupted, at agents/a.lua:%d+", run.error.message)
  end)

  it("makes no command where the script could not wait for it", function()
    local e = with({ a = agent([[
      local ok, why = pcall(table.concat, setmetatable({}, { __len = function() return 2 end, __index = function()
        ctx.skill.mail{ op = "send", to = "x", body = "never" }
      end }))
      ctx.all{ function() ctx.step{ name = "x", run = function() return 1 end } end }
      return { ok = ok, why = why } ]], 'uses = { "mail" },') }, {
        config = 'return { zone = "UTC", adapters = { mail = "outbox" } }' })
    local run = h:run("a")
    assert.equal("done", run.state, run.error and run.error.message)
    assert.is_false(run.output.ok)
    for _, record in ipairs(e:log(run.run)) do assert.not_equal("skill:mail", record.name) end
  end)

  it("ends when a script returns a value whose key is no text", function()
    with { a = agent [[ return { ["\xff"] = 1 } ]] }
    local run = assert(h.engine:start("a", {}))
    local turns = 0
    h.engine:drain(function() turns = turns + 1 return turns > 200 end)
    assert.equal("failed", h.engine:describe(run.run).state)
  end)

  it("fails a step whose value has a key that is no text", function()
    with { a = agent [[
      local ok, why = pcall(ctx.step, { name = "s", run = function() return { ["\xff"] = 1 } end })
      return { ok = ok, why = tostring(why) } ]] }
    local run = h:run("a")
    assert.equal("done", run.state, run.error and run.error.message)
    assert.match("not UTF%-8", run.output.why)
  end)

  it("ends when a script returns a value at the limit of depth", function()
    with { a = agent [[
      local v = 1
      for _ = 1, 100 do v = { v } end
      return v ]] }
    local run = assert(h.engine:start("a", {}))
    local turns = 0
    h.engine:drain(function() turns = turns + 1 return turns > 200 end)
    assert.equal("failed", h.engine:describe(run.run).state)
  end)

  it("cancels with a branch what the branch had begun", function()
    with { a = agent [[
      local late = 0
      ctx.any{
        slow = function() ctx.all{ function() ctx.sleep("1h") end,
          function() ctx.sleep("1m") late = late + 1 ctx.records.put{ type = "t", key = "late", value = 1 } end } end,
        fast = function() ctx.sleep("1s") end }
      ctx.sleep("1h")
      return late ]] }
    local run = h:run("a")
    h.now = h.now + 2000
    assert(h:reopen():drain())
    h.now = h.now + 100000
    assert(h:reopen():drain())
    assert.same({}, h.engine:records("t"))
    h.now = h.now + 3600000
    assert(h:reopen():drain())
    assert.equal(0, h.engine:describe(run.run).output)
  end)

  it("takes a script as text only", function()
    h = home.make { agents = { a = agent [[ return 1 ]] } }
    local code = string.dump(load('return { version = 1, run = function() return 2 end }'))
    h:write("agents/b.lua", code)
    local e = h:open()
    assert.is_nil(e.library.agents.b)
  end)

  it("keeps the bus readable when a script gives an event a strange key", function()
    local e = with { a = agent [[
        local ok = pcall(ctx.emit, "odd", {}, { key = { 1.5 } })
        ctx.emit("even", {}, { key = "k" })
        return ok ]], b = agent([[ return 1 ]], 'on = { event = "even" },') }
    local run = h:run("a")
    assert.equal("done", run.state, run.error and run.error.message)
    assert.equal(1, #e:list { agent = "b" })
  end)

  it("starts once when two start with the same key at the same time", function()
    local e = with { a = agent [[ return 1 ]] }
    local got = {}
    for i = 1, 2 do e:task(function() got[i] = assert(e:start("a", {}, { key = "k" })) end) end
    assert(e:drain())
    assert.equal(got[1].run, got[2].run)
  end)

  it("closes while runs are ending", function()
    local e = with { a = agent [[ return 1 ]] }
    for i = 1, 5 do e:task(function() e:start("a", {}, { key = "k" .. i }) end) end
    local n = 0
    e:drain(function() n = n + 1 return n > 2 end)
    h:reopen()
    assert(h.engine:drain())
  end)

  it("can be closed at any turn", function()
    local e = with { a = agent [[
      for i = 1, 3 do ctx.step{ name = "s", run = function() return i end } end
      ctx.records.put{ type = "t", key = "k", value = 1 }
      return ctx.all{ function() ctx.sleep("1s") end, function() return ctx.step{ name = "x", run = function() end } end } ]] }
    for turns = 0, 25 do
      assert(h.engine:start("a", {}))
      local n = 0
      h.engine:drain(function() n = n + 1 return n > turns end)
      h:reopen()
    end
    h.now = h.now + 5000
    assert(h:reopen():drain())
    for _, run in ipairs(h.engine:list { limit = 100 }) do assert.equal("done", run.state) end
  end)

  it("keeps no record behind one that was refused", function()
    h = home.make {}
    local path = file.join(h.path, "var/keel.db")
    local runner = assert(core.open(path, { store_failed = function() end }))
    local store, run = runner:store(), runner:run { id = 1 }
    local function submit(tx)
      local out = loop.await(function(wake) runner:submit(tx, function(...) wake { ... } end) end)
      return out[1], out[3]
    end
    local tx = store:tx()
    local start = assert(run:append(tx, "start", { n = 1 }, 5))
    tx:add("run.put", { id = 1, run = "r1", agent = "a", version = 1, code = "c", state = "running", input_codec = {},
      tail = start, now = 5 })
    assert.is_true((submit(tx)))
    local lost, behind, told = store:tx(), store:tx(), {}
    run:append(lost, "note", { n = 2 }, 6)
    lost:add("approval.decide", { id = "none", state = "approved", by = "me", now = 1, digest = "x" })
    local tail = run:append(behind, "note", { n = 3 }, 7)
    behind:add("run.state", { id = 1, state = "running", tail = tail, steps = 0, cost = 0, active_ms = 0, now = 7 })
    runner:submit(lost, function(...) told[1] = { ... } end)
    assert.is_nil((submit(behind)))
    assert.equal("conflict", told[1][3])
    local state = store:tx()
    state:add("run.state", { id = 1, state = "waiting", tail = tail, steps = 0, cost = 0, active_ms = 0, now = 8 })
    assert.is_nil((submit(state)))
    local row = store:read("run.by_id", { id = 1 })[1]
    assert.equal(start, row.tail)
    assert.equal(1, #assert(core.journal(store, 1, row.tail)))
    assert.is_nil((store:read("journal.tails", { since = start })[1]))
    runner:close()
  end)

  it("answers who would write to a store that is only looked at", function()
    h = home.make {}
    local path = file.join(h.path, "var/keel.db")
    assert(core.open(path, {})):close()
    local runner = assert(core.open(path, {}, true))
    local tx = runner:store():tx()
    local out = loop.await(function(wake) runner:submit(tx, function(...) wake { ... } end) end)
    assert.equal("state", out[3])
    runner:close()
  end)

  it("leaves no run to be used when its runner is closed", function()
    h = home.make {}
    local runner = assert(core.open(":memory:", {}))
    local run, store = runner:run { id = 1 }, runner:store()
    runner:close()
    assert.is_false((pcall(store.read, store, "run.open", {})))
    assert.is_false((pcall(run.id, run)))
    run:release()
  end)
end)
