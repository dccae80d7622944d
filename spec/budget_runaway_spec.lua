local fake_model = require "spec.support.fake_model"
local home = require "spec.support.home"

local config = [[
return { zone = "UTC", owner = "Mira", budget = { day = "$1.00" },
  tiers = { small = { { provider = "openai", model = "m", base_url = "%s", key = "k", max_parallel = 4,
                        price = { input = 0.20, output = 0.80 } } } } }]]

-- Asks until it is refused; other failures do not stop it.
local stubborn = [[
  local n = 0
  while true do
    local text, err = ctx.model{ tier = "small", prompt = "again " .. n, max_tokens = 20 }
    if not text and err.code == "budget" then return { n = n } end
    n = n + 1
  end]]

-- Listens to nothing.
local deaf = [[
  while true do ctx.model{ tier = "small", prompt = "again", max_tokens = 20 } end]]

-- Eight at a time, until one of them is refused.
local crowd = [[
  local n = 0
  while true do
    local fns = {}
    for i = 1, 8 do
      fns[i] = function()
        local text, err = ctx.model{ tier = "small", prompt = "again " .. n .. " " .. i, max_tokens = 20 }
        return text and "said" or err.code
      end
    end
    for _, said in ipairs(ctx.all(fns)) do
      if said == "budget" then return { n = n } end
      n = n + 1
    end
  end]]

describe("an agent that asks without end", function()
  local server, h
  local usage = { prompt_tokens = 50, completion_tokens = 10 }      -- 18,000,000 pico-USD

  setup(function() server = fake_model.start() end)
  teardown(function() server:stop() end)
  before_each(function()
    server:play()
    server:default { text = "hello", usage = usage }
    server:books()
    h = home.make { config = config:format(server.base_url) }
  end)
  after_each(function()
    if h.engine then assert.same({}, h.engine.store:read("budget.check", {})) end
    h:remove()
  end)

  local function run(body, budget)
    h:write("agents/runaway.lua", home.agent(body, "budget = " .. budget .. ","))
    h:open()
    return h:run("runaway")
  end

  local function rows_of(run)
    return h.engine.store:read("ledger.of_run", { run = run.run })
  end

  it("makes as many calls in a run as its budget has, and not one more", function()
    local done = run(stubborn, "{ calls = 12 }")
    assert.equal("done", done.state)
    assert.same({ n = 12 }, done.output)
    assert.equal(12, server:books().requests)
    assert.equal(12, #rows_of(done))
  end)

  it("makes as many in a day as its budget has, whatever the number of runs", function()
    assert.same({ n = 9 }, run(stubborn, '{ calls = "9/day" }').output)
    assert(h.engine:enable_agent("runaway", {}))
    assert.same({ n = 0 }, h:run("runaway").output)
    assert.equal(9, server:books().requests)
    h.now = h.now + 86400000
    assert(h.engine:enable_agent("runaway", {}))
    assert.same({ n = 9 }, h:run("runaway").output)
  end)

  it("spends no more than its money, and nearly all of it", function()
    local done = run(stubborn, '{ run = "$0.0004" }')
    local cost = 0
    for _, row in ipairs(rows_of(done)) do cost = cost + row.cost end
    assert.is_true(cost <= 400000000 and cost > 360000000, cost)
    assert.equal(cost, done.output.n * 18000000)
    assert.equal(done.output.n, server:books().requests)
  end)

  it("uses no more than its tokens", function()
    local done = run(stubborn, "{ tokens = 1500 }")
    local tokens = 0
    for _, row in ipairs(rows_of(done)) do tokens = tokens + row.input + row.output end
    assert.is_true(tokens <= 1500 and tokens > 1300, tokens)
    assert.equal(tokens // 60, server:books().requests)
  end)

  it("pays its bounds when nobody says what a call cost, and stops as well", function()
    local untold, cut = { text = "hello", usage = false, truth = usage }, { text = ("x"):rep(400), usage = usage, fault = "cut" }
    for _, thing in ipairs { untold, cut } do
      server:default(thing)
      local done = run(stubborn, '{ run = "$0.0006" }')
      local cost = 0
      for _, row in ipairs(rows_of(done)) do
        assert.equal("estimated", row.state)
        cost = cost + row.cost
      end
      -- a server that fails again and again is left alone before the money is gone
      assert.is_true(cost <= 600000000 and cost > (thing.fault and 100000000 or 500000000), cost)
      assert.equal(#rows_of(done), server:books().requests)
      assert(h.engine:enable_agent("runaway", {}))
      h.engine:close()
    end
    h:open()
  end)

  it("keeps to its calls when it makes many at once", function()
    local done = run(crowd, "{ calls = 21 }")
    assert.equal("done", done.state)
    assert.equal(21, server:books().requests)
    assert.equal(21, #rows_of(done))
  end)

  it("cannot spend more by not listening, and comes to its end all the same", function()
    local done = run(deaf, "{ calls = 12 }")
    assert.equal("failed", done.state)
    assert.equal(12, server:books().requests)
    assert.equal(12, #rows_of(done))
    assert.equal("deactivated", (h.engine:agent_state "runaway"))
  end)
end)
