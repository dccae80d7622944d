-- Every answer to every question about an effect, with a restart at every moment around it.
local home = require "spec.support.home"
local json = require "json"
local loop = require "loop"
local world = require "spec.support.world"

local agent = home.agent
local config = 'return { zone = "UTC", owner = "Mira", adapters = { bank = "world" } }'

describe("an answer about an effect", function()
  local h, w, faults
  before_each(function() w = world.install() end)
  after_each(function() if h then h:remove() end h = nil end)

  local function open() return h:open { on_fault = function(text) faults[#faults + 1] = text end } end

  local function make(body)
    h, faults = home.make { config = config, agents = { a = agent(body, 'uses = { "bank" },') } }, {}
    return open()
  end

  local function drain(e)
    local left = 3000
    assert(e:drain(function() left = left - 1 return left < 0 end))
    assert(left >= 0, "it never comes to rest")
  end

  local function turns(e, n)
    assert(e:drain(function() n = n - 1 return n < 0 end))
  end

  local function lost(_, _, arrive)
    arrive()
    return nil, { code = "timeout", message = "?", unknown = true }
  end

  local ways = {}

  function ways.first()
    w.on = lost
    local e = make [[ ctx.step{ name = "one", run = function() return 1 end,
        undo = function() ctx.records.put{ type = "t", key = "undone", value = { v = 1 } } end }
      local got, err = ctx.skill.bank{ op = "pay", key = "k" }
      if err then error(err.message) end
      return 1 ]]
    return e, h:run("a")
  end

  function ways.second()
    local e, run = ways.first()
    assert(e:reconcile(e:inbox()[1].id, { answer = "not_happened" }))
    drain(e)
    return e, run
  end

  function ways.beside()
    w.on = lost
    local e = make [[ local got = ctx.all{ a = function() return ctx.skill.bank{ op = "pay", key = "k" } end,
        b = function() ctx.sleep("1m") return ctx.step{ name = "b", run = function() return 1 end } end,
        c = function() return ctx.approve{ subject = "s", proposal = 1 }.outcome end }
      return 1 ]]
    return e, h:run("a")
  end

  function ways.stuck()
    local e = make [[ ctx.step{ name = "zero", run = function() return 0 end,
        undo = function() ctx.records.put{ type = "t", key = "undone", value = { v = 1 } } end }
      local n = 0
      ctx.step{ name = "one", run = function() return 1 end, undo = function()
        if not ctx.records.get{ type = "t", key = "mended" } then error("broken") end end }
      error("no") ]]
    return e, h:run("a")
  end

  function ways.orphan()
    local begun
    w.on = function()
      begun = true
      loop.await(function() end)
    end
    local e = make [[
      ctx.any{ pay = function() return ctx.skill.bank{ op = "pay", key = "k" } end,
        quick = function() ctx.sleep("1s") return 1 end }
      ctx.sleep("1m")
      return 1 ]]
    local run = assert(e:start("a", {}))
    e:drain(function() return begun end)
    h.now = h.now + 1001
    e:fire()
    e:drain(function() return e.active[run.id].handle:steps() > 0 and e.active[run.id].idle end)
    e:close()
    w.on = nil
    e = open()
    drain(e)
    return e, run
  end

  local ends = {
    first = { happened = "done", not_happened = "done", undo = "compensated", abandon = "failed" },
    second = { happened = "done", not_happened = "done", undo = "compensated", abandon = "failed" },
    beside = { happened = "done", not_happened = "done", undo = "failed", abandon = "failed" },
    stuck = { happened = "compensated", not_happened = "compensated", undo = "compensated", abandon = "failed" },
    orphan = { happened = "done", not_happened = "done", abandon = "done" },
  }

  local function question(e)
    for _, item in ipairs(e:inbox()) do
      if item.kind ~= "approval" then return item end
    end
  end

  for name, answers in pairs(ends) do
    for answer, state in pairs(answers) do
      it(("ends the run as it should: %s, %s"):format(name, answer), function()
        for at = 0, 9 do
          w = world.install()
          w.undoes = true
          local e, run = ways[name]()
          local say = ("%s %s restart after %d"):format(name, answer, at)
          w.on = nil
          if at % 2 == 1 then
            e:close()
            e = open()
            if at % 3 > 0 then drain(e) end
          end
          local item = assert(question(e), say .. json.encode(e:describe(run.run)))
          assert(e:reconcile(item.id, { answer = answer, note = "looked" }), say)
          local _, err = e:reconcile(item.id, { answer = answer })
          assert.equal("K1014", err and err.number, say)
          turns(e, at)
          e:close()
          e = open()
          for _ = 1, 5 do
            drain(e)
            for _, one in ipairs(e:inbox()) do
              if one.kind == "approval" then assert(e:decide(one.id, { state = "approved" }))
              else assert(e:reconcile(one.id, { answer = answer == "abandon" and name ~= "stuck" and "abandon" or "happened" })) end
            end
            h.now = h.now + 61000
            e:fire()
          end
          drain(e)
          local told = e:describe(run.run)
          say = say .. json.encode(told) .. json.encode(e:log(run.run))
          assert.equal(state, told.state, say)
          assert.is_true(e:replay(run.run).equal, say)
          assert.same({}, faults, say)
          assert.is_nil((e:rows("timer.next", { after = -1 })[1] or {}).due, say)
          assert.is_true(w:count("k") <= (answer == "not_happened" and 3 or name == "second" and 2 or 1), say)
          if state == "compensated" then assert.equal(1, #e:records "t", say) end
          h:remove()
        end
      end)
    end
  end

  it("is kept while the run is paused, and heard after", function()
    local e, run = ways.first()
    assert(e:pause({ run = run.run }, {}))
    assert(e:reconcile(question(e).id, { answer = "happened" }))
    drain(e)
    assert.is_nil(e:describe(run.run).ended)
    assert(e:resume({ run = run.run }, {}))
    drain(e)
    assert.equal("done", e:describe(run.run).state)
  end)
end)
