-- The sums that pages ask for are those of the rows, to the pico-USD.
local budget = require "budget"
local home = require "spec.support.home"
local money = require "money"
local sums = require "engine.sums"
local store = require "store"

describe("sums of calls", function()
  local path, s, now, books
  local function open()
    s = assert(store.open(path))
    books = assert(budget.open { store = s, now = function() return now end })
  end
  before_each(function()
    path = os.tmpname()
    os.remove(path)
    now = 1772442000000
    open()
  end)
  after_each(function()
    s:close()
    os.execute("rm -f '" .. path .. "'*")
  end)

  it("are those of the ledger after random work, an owner that died, and late answers", function()
    math.randomseed(8)
    local agents, models, open_ones = { "a", "b", "c" }, { "m1", "m2" }, {}
    for i = 1, 1000 do
      now = now + math.random(0, 600000)
      local held = assert(books:reserve { run = "run_" .. i % 7, agent = agents[math.random(3)], model = models[math.random(2)],
        provider = "echo", tier = "small", money = 1000000 + i, tokens = 100, price = i % 9 > 0 and "{}" or nil })
      now = now + math.random(0, 3) * math.random(0, 60000)
      local dice = math.random(10)
      if dice <= 6 then
        assert(books:settle(held, { cost = math.random(0, 1000000), input = math.random(50), output = 3, cached = 1 }))
      elseif dice == 7 then assert(books:release(held, "connection_lost"))
      elseif dice <= 9 then assert(books:estimate(held, "timeout"))
      else open_ones[#open_ones + 1] = held end
      if i % 250 == 0 then
        books:close()
        s:close()
        open()
        assert.same({}, s:read("rollup.check", {}))
      end
    end
    for i, row in ipairs(s:read("ledger.estimated", { limit = 40 })) do
      assert(budget.resolve(s, function(tx) return s:commit(tx) end, row.key, { cost = i % 3 * 77, input = i % 3, note = "bill" }, now))
    end
    assert.same({}, s:read("rollup.check", {}))
    assert.same({}, s:read("budget.check", {}))

    local e = setmetatable({ settings = { zone = "Asia/Kathmandu" }, clock = function() return now end,
      rows = function(_, verb, fields) return assert(s:read(verb, fields)) end }, { __index = sums })
    local want, calls = 0, 0
    for _, row in ipairs(s:read("ledger.list", { since = 0, limit = 5000 })) do
      if row.state ~= "reserved" then want, calls = want + row.cost, calls + 1 end
    end
    for _, by in ipairs { {}, { "day" }, { "agent", "model" }, { "day", "agent", "tier", "model" }, { "run" } } do
      local got, n = 0, 0
      for _, row in ipairs(e:costs { by = by }) do got, n = got + money.from_json(row.cost_picousd), n + row.calls end
      assert.same({ want, calls }, { got, n })
    end
    local n = 0
    for _, row in ipairs(e:latency { by = { "model" } }) do
      n = n + row.n
      assert.is_true(row.p50_ms <= row.p95_ms and row.p95_ms <= row.p99_ms)
    end
    assert.is_true(n > 400)
  end)
end)

describe("sums of runs", function()
  local h
  after_each(function() h:remove() end)

  it("count each that ended, by agent and state", function()
    h = home.make { agents = { good = home.agent "return 1", bad = home.agent "error 'no'" } }
    local e = h:open()
    for _ = 1, 3 do h:run("good") end
    h:run("bad")
    assert.same({}, e.store:read("rollup.check", {}))
    local n = {}
    for _, row in ipairs(e:run_sums { since_ms = h.now - 86400000, by = { "agent", "state" } }) do n[row.agent .. row.state] = row.n end
    assert.same({ gooddone = 3, badfailed = 1 }, n)
  end)
end)

describe("what was spent", function()
  local h
  after_each(function() h:remove() end)

  it("is the same to the pico-USD in the ledger, the sums, keel costs, the API's rows and the metrics", function()
    local keel = require "spec.support.keel"
    h = home.make { agents = { asker = home.agent "return ctx.model{ tier = input.tier, prompt = input.text, max_tokens = 40 }" },
      config = [[return { zone = "Asia/Kathmandu", tiers = {
        small = { { provider = "echo", model = "echo-1", price = { input = 0.37, output = 1.93 } } },
        large = { { provider = "echo", model = "echo-2", price = { input = 3.000001, output = 15.7 } } } } }]] }
    h.now = require("core.clock").now_ms()
    local e = h:open()
    for i = 1, 20 do h:run("asker", { tier = i % 3 == 0 and "large" or "small", text = ("word "):rep(i) }) end
    local ledger = 0
    for _, row in ipairs(e:rows("ledger.list", { since = 0, limit = 1000 })) do ledger = ledger + row.cost end
    assert.is_true(ledger > 0)
    local metered = 0
    for value in require("observe.metrics").text(e):gmatch "keel_model_cost_picousd_total{[^}]*} (%d+)" do metered = metered + tonumber(value) end
    assert.equal(ledger, metered)
    h.engine:close()
    for _, by in ipairs { "agent,model", "day", "tier", "run" } do
      local result = keel { "costs", "--home", h.path, "--by", by, "--json" }
      local sum = 0
      for _, row in ipairs(require("json").decode(result.out)) do sum = sum + money.from_json(row.cost_picousd) end
      assert.equal(ledger, sum, by)
    end
    local told = keel { "costs", "--home", h.path }
    assert.match("in 20 calls", told.out, 1, true)
    assert.equal(2, keel({ "costs", "--home", h.path, "--by", "modle" }).code)
  end)
end)
