-- Whether agents may work: the hard stop of a budget, the guard against loops, a person.
local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"

local server

local config = [[
return { zone = "UTC", owner = "Mira", budget = { day = "$1.00" },
  tiers = { small = { { provider = "openai", model = "gpt-x-mini", base_url = "%s", key = "sk-s3cret",
                        price = { input = 0.20, output = 0.80 } } } } }]]

--- Asks `times` times, with the prompt that `prompt` makes of the number; tells how it went.
local function asker(budget, prompt, extra)
  return ([[
return agent { version = 1, about = "asks", on = { event = "go" }, budget = { %s }, %s
  run = function(ctx, input)
    local told = {}
    for i = 1, input.times or 1 do
      local text, err = ctx.model{ tier = "small", prompt = %s, max_tokens = input.max_tokens or 20 }
      told[i] = text and "ok" or err.code
    end
    return told
  end }]]):format(budget, extra or "", prompt or '"call " .. i')
end

describe("an agent's standing", function()
  local h

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = "hello", usage = { prompt_tokens = 10, completion_tokens = 5 } }
    server:books()
  end)
  after_each(function()
    assert.same({}, h.engine.store:read("budget.check", {}))
    h:remove()
  end)

  local function open(agents)
    h = home.make { config = config:format(server.base_url), agents = agents }
    return h:open()
  end

  it("is deactivated at the hard stop, until a person lets it go on", function()
    -- a call costs 0.006 millidollars and holds about 0.04
    local e = open { asker = asker 'day = "$0.00005"' }
    local run = h:run("asker", { times = 4 })
    assert.equal("ok", run.output[1])
    assert.equal("budget", run.output[4])
    assert.equal("deactivated", (e:agent_state "asker"))
    local refused, err = e:start("asker", {})
    assert.is_nil(refused)
    assert.equal("K5002", err.number)
    assert.equal(5, err.exit)
    -- what comes meanwhile waits, over a restart, too
    e:emit("go", {})
    assert(e:drain())
    e = h:reopen()
    assert(e:drain())
    assert.equal(1, #e:list { agent = "asker" })
    h.now = h.now + 86400000
    assert.equal("on", (e:enable_agent("asker", {})))
    assert(e:drain())
    local list = e:list { agent = "asker" }
    assert.equal(2, #list)
    assert.same({ "ok" }, list[1].output)
  end)

  it("is deactivated by the limit of a run, too", function()
    local e = open { asker = asker 'run = "$0.00001"' }
    assert.same({ "budget" }, h:run("asker").output)
    assert.equal(0, server:books().requests)
    assert.equal("deactivated", (e:agent_state "asker"))
  end)

  it("is told to those who listen, as parts of its budget are", function()
    local e = open { asker = asker 'day = "$0.00005", warn = { 0.1 }',
      ear = [[return agent { version = 1, on = { event = "budget.*" }, run = function(_, what) return what end }]] }
    h:run("asker", { times = 4 })
    local told = {}
    for _, run in ipairs(e:list { agent = "ear" }) do
      local what = run.output
      told[#told + 1] = what.fraction and ("%s %g"):format(what.scope, what.fraction) or what.agent .. " " .. what.state
    end
    table.sort(told)
    assert.same({ "agent:asker 0.1", "asker deactivated" }, told)
  end)

  it("is not touched by a refusal that a minute mends", function()
    local e = open { asker = asker 'calls = "2/min"' }
    local run = assert(e:start("asker", { times = 3 }))
    require("spec.support.server").eventually(function() return e.models and #e.models.books.queue.waiting == 1 end, "the third call waiting")
    assert.equal("on", (e:agent_state "asker"))
    h.now = h.now + 60000
    require("loop").sleep(1)
    e.models.books.queue:admit()
    assert(e:drain())
    assert.same({ "ok", "ok", "ok" }, e:describe(run.run).output)
  end)

  it("ends with a call that cost more than it could", function()
    local e = open { asker = asker 'day = "$1"' }
    server:play { text = "x", usage = { prompt_tokens = 10, completion_tokens = 500 } }
    local run = h:run("asker", { times = 2 })
    assert.same({ "ok", "budget" }, run.output)
    assert.equal("deactivated", (e:agent_state "asker"))
    assert.match("more than its limits allow", select(2, e:agent_state "asker").reason)
    assert.equal(1, server:books().requests)
  end)

  describe("the guard against loops", function()
    it("stops what fails again and again, and ends the run that goes on", function()
      local e = open { asker = asker('loops = 3') }
      server:default { status = 400, text = "no" }
      local run = h:run("asker", { times = 1000000 })
      assert.equal("failed", run.state)
      assert.equal(3, server:books().requests)
      assert.equal("deactivated", (e:agent_state "asker"))
      assert.match("3 calls failed in a row", select(2, e:agent_state "asker").reason)
    end)

    it("stops the same failing call behind a pcall, as well", function()
      local e = open { asker = [[
return agent { version = 1, budget = { loops = 2 }, run = function(ctx)
  while true do pcall(ctx.model, { tier = "small", prompt = "again", max_tokens = 5 }) end
end }]] }
      server:default { status = 400, text = "no" }
      local run = h:run("asker")
      assert.is_true(run.state == "failed" or run.state == "cancelled", run.state)
      assert.equal(2, server:books().requests)
      assert.equal("deactivated", (e:agent_state "asker"))
    end)

    it("stops what asks the same thing for ever", function()
      local e = open { asker = asker('loops = 2', '"the same"') }
      local run = h:run("asker", { times = 100 })
      assert.equal("failed", run.state)
      assert.equal(10, server:books().requests)
      assert.match("the same thing 11 times", select(2, e:agent_state "asker").reason)
    end)

    it("lets failures be that others follow with success", function()
      local e = open { asker = asker('loops = 2') }
      server:play({ status = 400 }, { text = "fine" }, { status = 400 }, { text = "fine" })
      assert.same({ "invalid_request", "ok", "invalid_request", "ok" }, h:run("asker", { times = 4 }).output)
      assert.equal("on", (e:agent_state "asker"))
    end)

    it("remembers what a run that slept had asked", function()
      local e = open { asker = [[
return agent { version = 1, budget = { loops = 3 }, run = function(ctx)
  local told = {}
  for i = 1, 5 do
    local text, err = ctx.model{ tier = "small", prompt = "n" .. i, max_tokens = 5 }
    told[i] = text and "ok" or err.code
    ctx.sleep("1h")
  end
  return told
end }]] }
      server:default { status = 400, text = "no" }
      local run = assert(e:start("asker", {}))
      for _ = 1, 6 do
        assert(e:drain())
        h.now = h.now + 3600000
        e = h:reopen()
      end
      assert.equal(3, server:books().requests)
      assert.equal("deactivated", (e:agent_state "asker"))
      assert.same({ "invalid_request", "invalid_request", "invalid_request", "budget", "budget" }, e:describe(run.run).output)
    end)
  end)

  it("is a person's to end and to begin, and that is written down", function()
    local e = open { asker = asker 'day = "$1"' }
    assert.equal("off", (e:disable_agent("asker", { note = "holiday" })))
    assert.equal("K5002", select(2, e:start("asker", {})).number)
    e:emit("go", {})
    assert(e:drain())
    assert.same({}, e:list { agent = "asker" })
    assert.equal("on", (e:enable_agent("asker", {})))
    assert(e:drain())
    assert.equal("done", e:list({ agent = "asker" })[1].state)
    assert.equal("K1005", select(2, e:disable_agent("nobody", {})).number)
    local said = {}
    for _, row in ipairs(e:rows("audit.list", { limit = 10 })) do said[#said + 1] = row.what end
    table.sort(said)
    assert.same({ "agent.off", "agent.on" }, said)
  end)

  it("follows a limit that a person sets over the files'", function()
    local e = open { asker = asker 'day = "$0.00001"' }
    assert(e:set_budget("agent:asker", "day", { money = 1000000000000 }))
    assert.same({ "ok" }, h:run("asker").output)
    assert(e:set_budget("engine", "day", { calls = 1 }))
    assert.same({ "budget" }, h:run("asker").output)
    assert(e:enable_agent("asker", {}))
    e = h:reopen()
    assert.same({ "budget" }, h:run("asker").output)
    assert(e:enable_agent("asker", {}))
    assert(e:set_budget("engine", "day", nil))
    assert.same({ "ok" }, h:run("asker").output)
  end)
end)

describe("what a model says", function()
  it("is heard while it says it, and recorded once", function()
    local server = fake_model.start()
    local h = home.make { config = config:format(server.base_url), agents = { asker = asker 'day = "$1"' } }
    local e = h:open()
    server:default { text = "one two three", usage = { prompt_tokens = 10, completion_tokens = 5 } }
    local heard = {}
    local stop = e:hear_text(function(run, seq, text) heard[#heard + 1] = ("%s/%d %s"):format(run.agent, seq, text) end)
    local run = h:run("asker")
    assert.same({ "asker/1 one ", "asker/1 two ", "asker/1 three" }, heard)
    stop()
    h:run("asker")
    assert.equal(3, #heard)
    local calls = server:books().calls
    assert.is_true(calls[1].request.stream)
    assert.is_nil(calls[2].request.stream)
    assert.is_true(e:replay(run.run).equal)
    assert.equal(1, #e:log(run.run))
    h:remove()
    server:stop()
  end)
end)
