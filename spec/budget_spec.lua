local budget = require "budget"
local loop = require "loop"
local store = require "store"

local day = 86400000

local function scratch()
  local path = os.tmpname()
  os.remove(path)
  return path
end

describe("the ledger", function()
  local s, now

  local function open(limits, options)
    options = options or {}
    options.store, options.limits, options.now = s, limits, function() return now end
    return assert(budget.open(options))
  end

  local function line(scope, window)
    for _, row in ipairs(budget.list(s, { now = now })) do
      if row.scope == scope and row.window == window then return row end
    end
  end

  before_each(function()
    s = assert(store.open(":memory:"))
    now = 20000 * day + 3600000
  end)
  after_each(function()
    assert.same({}, s:read("budget.check", {}))
    s:close()
  end)

  it("holds a bound in every budget it counts in, and settles to the cost", function()
    local books = open { day_picousd = 1000 }
    local held = assert(books:reserve { run = "r1", agent = "a", seq = 3, money = 400, tokens = 50 })
    for _, at in ipairs { { "engine", "day" }, { "engine", "month" }, { "agent:a", "day" }, { "run:r1", "run" } } do
      local row = line(at[1], at[2])
      assert.equal(400, row.reserved_picousd)
      assert.equal(0, row.spent_picousd)
    end
    assert(books:settle(held, { cost = 150, input = 30, output = 5 }))
    local row = line("agent:a", "day")
    assert.same({ 0, 150, 35, 1 }, { row.reserved_picousd, row.spent_picousd, row.tokens, row.calls })
    local entry = s:read("ledger.of_run", { run = "r1" })[1]
    assert.equal("settled", entry.state)
    assert.equal(150, entry.cost)
    assert.equal(400, entry.money)
  end)

  it("refuses what does not fit, writes nothing, and says which budget", function()
    local books = open { day_picousd = 1000 }
    local held, message, code, detail = books:reserve { agent = "a", money = 1001, tokens = 1 }
    assert.is_nil(held)
    assert.equal("budget", code)
    assert.match("the day budget of engine has no room", message)
    assert.equal("engine", detail.scope)
    assert.same({}, s:read("ledger.list", { since = 0, limit = 10 }))
    assert(books:reserve { agent = "a", money = 1000, tokens = 1 })
  end)

  it("nests: the tightest of engine, agent and run decides", function()
    local books = open { day_picousd = 1000 }
    local limits = { run_picousd = 100, day_picousd = 500 }
    local function ask(run, amount)
      return select(4, books:reserve { run = run, agent = "a", limits = limits, money = amount, tokens = 1, deadline = 0 })
    end
    assert.equal("run:r1", ask("r1", 101).scope)
    for i = 1, 5 do assert.is_nil(ask("r" .. i, 100)) end
    assert.equal("agent:a", ask("r6", 1).scope)
    assert(books:reserve { agent = "b", money = 500, tokens = 1 })
    assert.equal("engine", select(4, books:reserve { agent = "b", money = 1, tokens = 1, deadline = 0 }).scope)
  end)

  it("counts tokens and calls as it counts money", function()
    local books = open({})
    local limits = { calls = { count = 2, per_ms = day }, tokens = { count = 100 } }
    local function ask(tokens)
      local held, _, _, detail = books:reserve { run = "r", agent = "a", limits = limits, money = 0, tokens = tokens, deadline = 0 }
      return held, detail
    end
    assert.equal("run", select(2, ask(101)).window)
    local first = assert(ask(60))
    assert(books:settle(first, { cost = 0, input = 20, output = 10 }))
    local second = assert(ask(70))
    assert.is_nil((ask(0)))
    assert(books:release(second))
    -- a released call is no call
    assert(ask(70))
    assert.equal("day", select(2, ask(0)).window)
  end)

  it("keeps an unknown outcome as spent at its bound", function()
    local books = open { day_picousd = 1000 }
    local held = assert(books:reserve { money = 700, tokens = 9 })
    assert(books:estimate(held, "connection lost"))
    local row = line("engine", "day")
    assert.same({ 700, 0, 9, 1 }, { row.spent_picousd, row.reserved_picousd, row.tokens, row.calls })
    assert.equal("budget", select(3, books:reserve { money = 301, tokens = 0 }))
  end)

  it("ends a reservation once", function()
    local books = open {}
    local held = assert(books:reserve { money = 7, tokens = 1 })
    assert(books:settle(held, { cost = 7 }))
    for _, again in ipairs { "settle", "estimate", "release" } do
      local ok, _, code = books[again](books, held, again == "settle" and {} or nil)
      assert.is_nil(ok)
      assert.equal("conflict", code)
    end
    assert.equal(7, line("engine", "day").spent_picousd)
  end)

  it("settles in the transaction of somebody else, or not at all", function()
    local books = open {}
    local held = assert(books:reserve { money = 7, tokens = 1 })
    local tx = s:tx()
    books:settle(held, { cost = 5 }, tx)
    tx:add("approval.decide", { id = "none", state = "approved", by = "me", now = 1, digest = "x" })
    assert.is_nil((s:commit(tx)))
    assert.equal(7, line("engine", "day").reserved_picousd)
    tx = s:tx()
    books:settle(held, { cost = 5 }, tx)
    assert(s:commit(tx))
    assert.equal(5, line("engine", "day").spent_picousd)
  end)

  it("records a cost above the bound, which then counts", function()
    local books = open { day_picousd = 1000 }
    local held = assert(books:reserve { money = 900, tokens = 1 })
    assert(books:settle(held, { cost = 1200 }))
    assert.equal(1200, line("engine", "day").spent_picousd)
    assert.equal("spent", line("engine", "day").state)
    assert.equal("budget", select(3, books:reserve { money = 0, tokens = 0 }))
  end)

  it("begins a new day by the owner's clock, and settles in the day of the reservation", function()
    local books = open({ day_picousd = 1000 }, { zone = "America/New_York" })
    local function spent(at)
      for _, row in ipairs(budget.list(s, { now = at, zone = "America/New_York", limits = { day_picousd = 1000 } })) do
        if row.scope == "engine" and row.window == "day" then return row.spent_picousd end
      end
    end
    local evening = 20000 * day + 3 * 3600000       -- 23:00 of the day before, in New York
    now = evening
    local held = assert(books:reserve { money = 1000, tokens = 1 })
    now = evening + 2 * 3600000
    assert(books:reserve { money = 1000, tokens = 1 })
    assert(books:settle(held, { cost = 10 }))
    assert.equal(10, spent(evening))
    assert.equal(0, spent(now))
  end)

  it("waits while other reservations could make room", function()
    local books = open { day_picousd = 1000 }
    local first = assert(books:reserve { money = 800, tokens = 1 })
    local second
    loop.spawn(function() second = assert(books:reserve { money = 500, tokens = 1 }) end)
    assert.is_nil(second)
    assert(books:settle(first, { cost = 500 }))
    while not second do loop.turn(true) end
    -- and refuses when even their end could not
    assert.equal("budget", select(3, books:reserve { money = 501, tokens = 1 }))
  end)

  it("stops waiting at the deadline", function()
    local books = open { day_picousd = 1000 }
    books.now = loop.now
    assert(books:reserve { money = 800, tokens = 1 })
    assert.equal("budget", select(3, books:reserve { money = 500, tokens = 1, deadline = loop.now() + 5 }))
  end)

  it("waits for a short window to end instead of refusing", function()
    local books = open {}
    local limits = { calls = { count = 1, per_ms = 1000 } }
    assert(books:reserve { agent = "a", limits = limits, money = 0, tokens = 0 })
    local second
    now = now + 998
    loop.spawn(function() second = books:reserve { agent = "a", limits = limits, money = 0, tokens = 0 } end)
    assert.is_nil(second)
    now = now + 2
    for _ = 1, 1000 do
      if not second then loop.await(function(wake) loop.timer(1, wake) end) end
    end
    assert.is_truthy(second)
  end)

  it("never holds more than the limit, whatever the order of ends", function()
    local books = open { day_picousd = 10000 }
    math.randomseed(7)
    local running, spent, done, refused = 0, 0, 0, 0
    for _ = 1, 200 do
      loop.spawn(function()
        local bound = math.random(1, 900)
        local held, _, code = books:reserve { money = bound, tokens = 1 }
        if not held then
          assert(code == "budget")
          refused = refused + 1
          return
        end
        running = running + 1
        loop.sleep(math.random(0, 2))
        local cost = math.random(0, bound)
        spent = spent + cost
        assert(books:settle(held, { cost = cost }))
        done = done + 1
      end)
    end
    loop.run()
    local row = line("engine", "day")
    assert.equal(spent, row.spent_picousd)
    assert.equal(0, row.reserved_picousd)
    assert.is_true(spent <= 10000)
    assert.equal(200, done + refused)
    assert.is_true(spent > 9000, spent)
  end)

  it("refuses claims that make no sense", function()
    local books = open {}
    for _, wrong in ipairs { { money = -1, tokens = 1 }, { money = 1.5, tokens = 1 }, { tokens = 1 },
      { money = 2 ^ 62 // 1 | 0, tokens = 1 }, { money = 1, tokens = -1 } } do
      assert.has_error(function() books:reserve(wrong) end)
    end
    local held = assert(books:reserve { money = 1, tokens = 1 })
    assert.has_error(function() books:settle(held, { cost = -5 }) end)
    assert.has_error(function() books:settle(held, { cost = 0.5 }) end)
  end)
end)

describe("after a crash", function()
  it("a reservation counts as spent: never released, and once", function()
    local path = scratch()
    local now = 20000 * day
    local options = { limits = { day_picousd = 1000 }, now = function() return now end }
    local s = assert(store.open(path))
    options.store = s
    local books = assert(budget.open(options))
    local settled = assert(books:reserve { money = 100, tokens = 1 })
    assert(books:settle(settled, { cost = 40 }))
    assert(books:reserve { money = 700, tokens = 9, run = "r" })
    s:close()
    for _ = 1, 2 do
      s = assert(store.open(path))
      options.store = s
      books = assert(budget.open(options))
      local row = budget.list(s, { now = now })[1]
      assert.same({ 740, 0 }, { row.spent_picousd, row.reserved_picousd })
      assert.equal("estimated", s:read("ledger.of_run", { run = "r" })[1].state)
      assert.same({}, s:read("budget.check", {}))
      assert.equal("budget", select(3, books:reserve { money = 261, tokens = 1 }))
      s:close()
    end
    os.remove(path)
    os.execute("rm -f " .. path .. "-*")
  end)
end)
