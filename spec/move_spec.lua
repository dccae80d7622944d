-- Moving runs to an edited agent: what is compatible goes on the same, also later.
local home = require "spec.support.home"
local json = require "json"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

describe("a run that is moved", function()
  local h
  before_each(function() world.install() end)
  after_each(function() if h then h:remove() end h = nil end)

  local function version(n, body, extra) return (agent(body, extra):gsub("version = 1", "version = " .. n)) end

  local function make(body, parts)
    parts = parts or {}
    h = home.make { config = config, agents = { a = agent(body, parts.extra) }, skills = parts.skills }
    return h:open()
  end

  local function save(n, body, extra)
    h:write("agents/a.lua", version(n, body, extra))
    h.engine.library = require("library").load(h.path, h.engine.settings.adapters)
  end

  local function after(ms)
    h.now = h.now + ms
    h.engine:fire()
    assert(h.engine:drain())
  end

  local function over(run, output, number)
    local told = h.engine:describe(run.run)
    assert.same({ "done", output, number }, { told.state, told.output, told.version }, json.encode(told))
    assert.is_true(h.engine:replay(run.run).equal)
  end

  local any = [[
    local k = ctx.any{ a = function() ctx.sleep("2m") return 1 end, b = function() ctx.sleep("1m") return 2 end,
      c = function() return ctx.approve{ subject = "s", proposal = 1 } end }
    ctx.sleep("1m")
    return k .. %s ]]

  it("waits on in ctx.any, after restarts, twice, and forks on the new code", function()
    local e = make(any:format '"1"')
    local run = h:run("a")
    save(2, any:format '"2"')
    assert.is_true(assert(e:move(run.run, {})).moved)
    assert(e:drain())
    e = h:reopen()
    after(60001)
    save(3, any:format '"3"')
    assert.is_true(assert(e:move(run.run, {})).moved)
    assert(e:drain())
    local fork = assert(e:fork(run.run, 2, {}))
    assert(e:drain())
    e = h:reopen()
    after(60001)
    over(run, "b3", 3)
    -- the step was recorded by version 2
    over(fork, "b2", 2)
  end)

  it("goes with its skills: another one is called, and what was recorded is compared", function()
    local skill = [[return skill { version = %d, ["local"] = function(x) return { n = %d } end }]]
    local e = make('local x = ctx.skill.s{ a = 1 } ctx.sleep("1m") local y = ctx.skill.s{ a = 2 } return x.n + y.n',
      { extra = 'uses = { "s" },', skills = { s = skill:format(1, 1) } })
    local run = h:run("a")
    h:write("skills/s.lua", skill:format(2, 10))
    e.library = require("library").load(h.path, e.settings.adapters)
    local told = assert(e:move(run.run, {}))
    assert.is_true(told.moved, json.encode(told))
    assert(e:drain())
    after(60001)
    over(run, 11, 1)
  end)

  it("while it is held, stays held on the new code", function()
    local e = make 'ctx.sleep("1m") return 1'
    local run = h:run("a")
    assert(e:pause({ run = run.run }, {}))
    save(2, 'ctx.sleep("1m") return 2')
    assert.is_true(assert(e:move(run.run, {})).moved)
    assert(e:drain())
    after(60001)
    assert.equal("paused", e:describe(run.run).waiting_for)
    assert(e:resume({ run = run.run }, {}))
    assert(e:drain())
    over(run, 2, 2)
  end)

  it("and given up then, is undone by the new code", function()
    local body = [[ ctx.step{ name = "s", run = function() return 1 end,
      undo = function() ctx.records.put{ type = "t", key = "%s", value = 1 } end }
      ctx.sleep("1m") ]]
    local e = make(body:format "old")
    local run = h:run("a")
    save(2, body:format "new")
    assert.is_true(assert(e:move(run.run, {})).moved)
    assert(e:drain())
    assert(e:cancel(run.run, {}))
    assert(e:drain())
    assert.equal("cancelled", e:describe(run.run).state)
    assert.equal("new", e:records("t")[1].key)
    assert.is_true(e:replay(run.run).equal)
    local fork = assert(e:fork(run.run, 1, {}))
    assert(e:drain())
    after(60001)
    assert.equal("done", e:describe(fork.run).state)
  end)

  it("is not, when the new code would end, or do less, or other things, before its record does", function()
    local e = make [[ ctx.step{ name = "one", run = function() return 1 end }
      local got = ctx.all{ function() ctx.sleep("1m") return 1 end, function() ctx.sleep("2m") return 2 end }
      return got[1] ]]
    local run = h:run("a")
    for i, body in ipairs {
      'ctx.step{ name = "one", run = function() return 1 end } return 1',
      'ctx.step{ name = "one", run = function() return 1 end } error("no")',
      'ctx.step{ name = "one", run = function() return 1 end } ctx.sleep("1m") return 1',
      'ctx.step{ name = "one", run = function() return 1 end } ctx.all{ function() ctx.sleep("2m") end, function() ctx.sleep("1m") end }',
      'ctx.step{ name = "one", run = function() return 1 end } while true do end',
      'ctx.step{ name = "one", run = function() return 1 end } local x = ("x"):rep(1e9)',
      'syntax(',
    } do
      save(i + 1, body)
      local told, err = e:gate(run.run)
      assert.is_true(told and told.compatible == false or err ~= nil, body .. json.encode(told))
      assert.is_nil((e:move(run.run, {}) or {}).moved)
    end
    after(60001)
    after(60001)
    over(run, 1, 1)
  end)
end)
