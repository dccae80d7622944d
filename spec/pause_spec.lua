-- Holding and letting go, at every moment, with restarts, and answers that come meanwhile.
local home = require "spec.support.home"
local json = require "json"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

local busy = agent([[
  ctx.step{ name = "one", run = function() return 1 end }
  local got = ctx.all{
    a = function() return ctx.skill.bank{ op = "pay", key = "p" }.ok end,
    b = function() return ctx.wait{ event = "go", within = "1d" }.payload.n end,
    c = function() ctx.sleep("1m") return ctx.step{ name = "c", run = function() return 3 end } end,
    d = function() return ctx.approve{ subject = "s", proposal = 1 }.outcome end,
    e = function() return ctx.call("child", {}) end }
  ctx.records.put{ type = "t", key = "end", value = { v = 1 } }
  return got ]], 'uses = { "bank" },')

local child = agent [[ ctx.sleep("30s") return ctx.step{ name = "five", run = function() return 5 end } ]]

describe("a run that is paused", function()
  local h, w, faults
  before_each(function() w = world.install() end)
  after_each(function() if h then h:remove() end h = nil end)

  local function open() return h:open { on_fault = function(text) faults[#faults + 1] = text end } end

  local function make(agents)
    h, faults = home.make { config = config, agents = agents }, {}
    return open()
  end

  local function turns(e, n)
    assert(e:drain(function()
      n = n - 1
      return n < 0
    end))
  end

  local function drain(e)
    local left = 3000
    assert(e:drain(function() left = left - 1 return left < 0 end))
    assert(left >= 0, "it never comes to rest")
  end

  local function pass(e, ms)
    h.now = h.now + ms
    e:fire()
    drain(e)
  end

  local function steps(e)
    local n = 0
    for _, run in ipairs(e:list {}) do n = n + #e:log(run.run) end
    return n
  end

  local targets = { run = function(run) return { run = run.run } end, agent = function() return { agent = "a" } end,
    all = function() return { all = true } end }

  --- Pause after `at` turns, restart when told; all that it waits for comes; resume after.
  local function play(scope, at, restart)
    local e = make { a = busy, child = child }
    local run = assert(e:start("a", {}))
    turns(e, at)
    local target = targets[scope](run)
    if not e:pause(target, {}) then return end
    if restart then
      turns(e, restart)
      e:close()
      e = open()
    end
    drain(e)
    local before = #e:log(run.run)
    pass(e, 61000)
    assert(e:emit("go", { n = 2 }))
    for _, item in ipairs(e:inbox()) do assert(e:decide(item.id, { state = "approved" })) end
    drain(e)
    pass(e, 61000)
    if scope == "all" then assert.equal(before, #e:log(run.run), "a held run began something") end
    assert.equal("paused", e:describe(run.run).waiting_for)
    if restart then
      e:close()
      e = open()
      drain(e)
      assert.equal("paused", e:describe(run.run).waiting_for)
    end
    assert(e:resume(target, {}))
    if restart then
      turns(e, restart)
      e:close()
      e = open()
    end
    drain(e)
    for _ = 1, 3 do
      for _, item in ipairs(e:inbox()) do
        if item.kind == "approval" then assert(e:decide(item.id, { state = "approved" }))
        else assert(e:reconcile(item.id, { answer = "happened", value = { ok = true } })) end
      end
      pass(e, 61000)
    end
    local told = e:describe(run.run)
    local say = ("%s at %d restart %s: %s %s"):format(scope, at, tostring(restart), json.encode(told), json.encode(e:log(run.run)))
    assert.equal("done", told.state, say)
    assert.same({ a = true, b = 2, c = 3, d = "approved", e = 5 }, told.output, say)
    -- a restart may come between the intent and the sending, and "happened" is taken at its word
    assert.is_true(#w.arrived == 1 or restart and #w.arrived == 0, say)
    assert.same({}, faults)
    for _, one in ipairs(e:list {}) do assert.is_true(e:replay(one.run).equal, say) end
    h:remove()
    w = world.install()
  end

  for scope in pairs(targets) do
    it("by " .. scope .. ", does nothing until it is let go, and loses nothing", function()
      for at = 0, 12 do play(scope, at) end
    end)
    it("by " .. scope .. ", with restarts", function()
      for at = 0, 12 do play(scope, at, at * 5 % 7) end
    end)
  end
end)
