-- A cancellation, whenever it comes, and whenever the engine ends behind it.
local home = require "spec.support.home"
local json = require "json"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

--- Steps that leave a mark when they are undone.
local marked = [[
    local function step(name, run, more)
      local spec = { name = name, run = run or function() return name end,
        undo = function() ctx.records.put{ type = "undone", key = ctx.run .. " " .. name, value = { n = 1 } } end }
      for k, v in pairs(more or {}) do spec[k] = v end
      return ctx.step(spec)
    end
]]

local scenarios = {
  ["side by side"] = { a = [[
    ctx.all{ x = function() step("x1") ctx.sleep("1m") step("x2") end,
      y = function() step("y1") ctx.skill.bank{ op = "send", key = ctx.run } step("y2") end,
      z = function() ctx.wait{ event = "never", within = "2m" } step("z") end }
    step("last") ]] },
  ["one of several"] = { a = [[
    ctx.any{ x = function() step("x1") ctx.sleep("2m") step("x2") end,
      y = function() step("y1") ctx.wait{ event = "never", within = "1m" } step("y2") end,
      z = function() return ctx.approve{ subject = "s", proposal = 1 } end }
    step("last")
    ctx.sleep("1m") ]] },
  ["groups"] = { a = [[
    step("outer", function()
      step("inner", function() return ctx.records.put{ type = "t", key = "a", value = { v = 1 } } end)
      step("deep", function() ctx.all{ function() step("left") end, function() step("right") end } end)
      return 1
    end)
    step("last")
    ctx.sleep("1m") ]] },
  ["tries and time limits"] = { a = [[
    local n = 0
    step("again", function()
      n = n + 1
      if n < 3 then return nil, { code = "timeout", message = "no" } end
      return n
    end, { retry = { attempts = 3, initial = "1m" } })
    step("limited", function() ctx.skill.bank{ op = "send", key = ctx.run } return 1 end, { timeout = "1m" })
    step("last") ]] },
  ["children"] = { a = [[
    step("before")
    ctx.all{ function() ctx.call("b", { n = 1 }) end, function() ctx.call("b", { n = 2 }) end }
    step("last")
    ctx.sleep("1m") ]], b = [[ step("child") ctx.sleep("1m") step("grown") return 1 ]] },
  ["questions"] = { a = [[
    step("before")
    ctx.all{ function() ctx.approve{ subject = "s1", proposal = 1, within = "2m", otherwise = "skip" } step("said") end,
      function() ctx.approve{ subject = "s2", proposal = 1, within = "1m", otherwise = "skip" } end }
    step("last") ]] },
  ["effects"] = { a = [[
    step("pay", function() return ctx.skill.bank{ op = "pay", key = ctx.run } end)
    ctx.atomic(function() ctx.records.put{ type = "t", key = "x", value = 1 } ctx.emit("e", {}) end)
    if ctx.patch("p") then step("patched") end
    error("no") ]] },
}

describe("a run that is cancelled", function()
  local h, faults
  before_each(function() world.install() end)
  after_each(function() if h then h:remove() end h = nil end)

  local function open()
    return h:open { on_fault = function(text) faults[#faults + 1] = text end }
  end

  local function make(bodies)
    local agents = {}
    for name, body in pairs(bodies) do agents[name] = agent(marked .. body, 'uses = { "bank" },') end
    h, faults = home.make { config = config, agents = agents }, {}
    return open()
  end

  --- Go on for so many turns; true when it came to rest before.
  local function turns(e, n)
    assert(e:drain(function()
      n = n - 1
      return n < 0
    end))
    return n >= 0
  end

  local function all_over(e)
    for _, run in ipairs(e:list {}) do
      if not run.ended then return false end
    end
    return true
  end

  --- Until everything is over: time passes, questions are answered.
  local function go_on(e)
    for _ = 1, 40 do
      local left = 3000
      assert(e:drain(function() left = left - 1 return left < 0 end))
      assert(left >= 0, "it never comes to rest")
      if all_over(e) then return end
      for _, item in ipairs(e:inbox()) do
        if item.kind ~= "approval" then assert(e:reconcile(item.id, { answer = "happened" })) end
      end
      h.now = h.now + 30000
      e:fire()
    end
  end

  --- What is wrong with how everything stands in the end.
  local function complaints(e)
    local list = {}
    for _, text in ipairs(faults) do list[#list + 1] = "fault: " .. text end
    if (e:rows("timer.next", { after = -1 })[1] or {}).due then list[#list + 1] = "a timer is left" end
    for _, item in ipairs(e:inbox()) do list[#list + 1] = "open: " .. json.encode(item) end
    local undone = {}
    for _, row in ipairs(e:records "undone") do undone[row.key] = true end
    for _, run in ipairs(e:list {}) do
      if not run.ended then list[#list + 1] = run.agent .. " is " .. run.state .. " " .. json.encode(e:log(run.run)) end
      local played, err = e:replay(run.run)
      if not played or not played.equal then
        list[#list + 1] = run.agent .. " replays differently: " .. json.encode(played or err) .. json.encode(e:log(run.run))
      end
      local times = {}
      for _, entry in ipairs(e:log(run.run)) do
        if entry.kind == "undo" then times[entry.name] = (times[entry.name] or 0) + 1 end
      end
      for _, entry in ipairs(e:log(run.run)) do
        if entry.kind == "step" and run.state ~= "done" then
          local key = run.run .. " " .. entry.name
          if entry.state == "done" and not undone[key] then list[#list + 1] = entry.name .. " is done and not undone" .. json.encode(e:log(run.run)) end
          if entry.state ~= "done" and undone[key] then list[#list + 1] = entry.name .. " is undone and was " .. tostring(entry.state) end
          if (times[entry.name] or 0) > 1 then list[#list + 1] = entry.name .. " is undone twice" end
        elseif entry.kind == "step" and undone[run.run .. " " .. entry.name] then
          list[#list + 1] = entry.name .. " was undone in a run that is done"
        end
      end
    end
    return list
  end

  --- Begin, come to turn `at` (time passes when nothing goes on), cancel, go on `more` turns,
  --- restart when told. Returns false when the run was over before.
  local function play(name, at, more, before)
    local e = make(scenarios[name])
    local run = assert(e:start("a", {}))
    local left = at
    for _ = 1, 12 do
      local n = 0
      assert(e:drain(function()
        if n >= left then return true end
        n = n + 1
        return false
      end))
      left = left - n
      if left <= 0 or e:describe(run.run).ended then break end
      left = left - 1
      h.now = h.now + 30000
      e:fire()
    end
    if before then before(e, run) end
    local ok, err = e:cancel(run.run, { note = "enough" })
    if not ok then
      assert.is_true(err.number == "K1042" or err.number == "K7007", err.message)
      if err.number == "K1042" then return false end
    end
    if more then
      turns(e, more)
      e:close()
      e = open()
    end
    go_on(e)
    local told = complaints(e)
    assert.same({}, told, ("%s: at turn %d, restart after %s: %s"):format(name, at, tostring(more), table.concat(told, "\n")))
    return true
  end

  local function log_of(e, run, kind)
    local seen = {}
    for _, entry in ipairs(e:log(run.run)) do
      if entry.kind == kind then seen[#seen + 1] = entry.name .. " " .. entry.state end
    end
    return seen
  end

  it("is undone once when what an undo does are steps with an undo themselves", function()
    local e = make { a = [[ ctx.step{ name = "one", run = function() return 1 end,
      undo = function() step("two") end }
      error("no") ]] }
    local run = h:run("a")
    assert.equal("compensated", run.state)
    assert.same({ "one done" }, log_of(e, run, "undo"))
    assert.is_true(e:replay(run.run).equal)
  end)

  it("asks about the undo that reaches a cap, and undoes the rest after the answer", function()
    local e = make { a = [[ step("before")
      ctx.step{ name = "bad", run = function() return 1 end, undo = function()
        ctx.skill.bank{ op = "send", key = "refund" }
        while true do end
      end }
      step("after")
      error("no") ]] }
    local run = h:run("a")
    assert.equal("needs_reconciliation", run.state)
    assert.match("cap", e:inbox()[1].proposal.error)
    e:close()
    e = open()
    assert(e:reconcile(e:inbox()[1].id, { answer = "not_happened" }))
    assert(e:drain())
    assert.equal("needs_reconciliation", e:describe(run.run).state)
    assert(e:reconcile(e:inbox()[1].id, { answer = "happened" }))
    go_on(e)
    run = e:describe(run.run)
    assert.same({ "compensated", "no" }, { run.state, run.error.message })
    assert.equal(2, #e:records "undone")
    assert.is_true(e:replay(run.run).equal)
  end)

  it("asks about the undo in which it dies at once, too", function()
    local e = make { a = [[ step("before")
      ctx.step{ name = "bad", run = function() return 1 end, undo = function() while true do end end }
      ctx.sleep("1h") ]] }
    local run = h:run("a")
    assert(e:cancel(run.run, {}))
    assert(e:drain())
    assert.equal("needs_reconciliation", e:describe(run.run).state, json.encode(e:describe(run.run)) .. json.encode(e:log(run.run)))
    assert(e:reconcile(e:inbox()[1].id, { answer = "happened" }))
    go_on(e)
    assert.equal("cancelled", e:describe(run.run).state)
    assert.equal(1, #e:records "undone")
    assert.is_true(e:replay(run.run).equal)
  end)

  it("while what it did is being undone, goes on with that", function()
    for _, wait in ipairs { 'ctx.sleep("1m")', 'ctx.wait{ event = "e", within = "1m" }',
      'ctx.approve{ subject = "s", proposal = 1, within = "1m", otherwise = "skip" }', 'error("no")' } do
      local e = make { a = ([[ step("before")
        local n = 0
        ctx.step{ name = "slow", run = function() return 1 end, undo_retry = { attempts = 2, initial = "1m" }, undo = function()
          n = n + 1
          if n == 1 then %s end
        end }
        error("no") ]]):format(wait) }
      local run = h:run("a")
      assert.equal("waiting", e:describe(run.run).state, wait)
      e:cancel(run.run, {})
      e:close()
      e = open()
      assert(e:drain())
      assert.equal("waiting", e:describe(run.run).state, wait)
      go_on(e)
      assert.equal("compensated", e:describe(run.run).state, wait)
      assert.same({ "slow done", "before done" }, log_of(e, run, "undo"))
      assert.is_true(e:replay(run.run).equal)
      assert.same({}, faults)
      h:remove()
    end
  end)

  it("twice at once, is cancelled once", function()
    local e = make(scenarios.children)
    local run, oks = h:run("a"), 0
    for _ = 1, 3 do
      require("loop").spawn(function() if e:cancel(run.run, {}) then oks = oks + 1 end end)
    end
    go_on(e)
    assert.is_true(oks > 0)
    assert.same({}, complaints(e))
    local audit = 0
    for _, row in ipairs(e:rows("audit.list", { limit = 50 })) do
      if row.what == "cancel" and row.subject == run.run then audit = audit + 1 end
    end
    assert.equal(1, audit)
  end)

  it("while it is paused, ends", function()
    for _, scope in ipairs { "run", "agent", "all" } do
      local e = make(scenarios.questions)
      local run = h:run("a")
      assert(e:pause(scope == "run" and { run = run.run } or scope == "agent" and { agent = "a" } or { all = true }, {}))
      assert(e:cancel(run.run, {}))
      e:close()
      e = open()
      go_on(e)
      assert.equal("cancelled", e:describe(run.run).state, scope)
      assert.same({}, complaints(e))
      h:remove()
    end
  end)

  -- KEEL_THOROUGH=1: every turn; else every third, from another one in each scenario.
  local stride = os.getenv "KEEL_THOROUGH" and 1 or 3

  for name in pairs(scenarios) do
    it("ends undone, whenever it is: " .. name, function()
      local at, n = #name % stride, 0
      while at < 150 and play(name, at) do
        at, n = at + stride, n + 1
        h:remove()
      end
      assert.is_true(n > 9 // stride, n)
    end)

    it("loses nothing when the engine ends behind it: " .. name, function()
      local at = (#name + 1) % stride
      while at < 150 and play(name, at, at % 7) do
        h:remove()
        play(name, at, at * 3 % 11)
        at = at + stride
        h:remove()
      end
    end)
  end
end)
