-- Money held ahead of calls, who waits for room, and what a person sets right afterwards.
local budget = require "budget"
local loop = require "loop"
local store = require "store"

local day = 86400000

describe("money that is held ahead", function()
  local path, s, now

  before_each(function()
    path = os.tmpname()
    os.remove(path)
    s = assert(store.open(path))
    now = 20000 * day + 3600000
  end)
  after_each(function()
    if s then
      assert.same({}, s:read("budget.check", {}))
      s:close()
    end
    os.execute("rm -f " .. path .. "*")
  end)

  local function open(limits, more)
    local options = { store = s, limits = limits, now = function() return now end }
    for key, value in pairs(more or {}) do options[key] = value end
    return assert(budget.open(options))
  end

  local function rows() return s:read("ledger.list", { since = 0, limit = 10000 }) end

  local function advances()
    local n, held = 0, 0
    for _, row in ipairs(rows()) do
      if row.key:find "^advance" then n, held = n + 1, held + (row.state == "reserved" and row.money or 0) end
    end
    return n, held
  end

  --- So many calls, one after the other; how many of them left without waiting for the disk.
  local function calls(books, n, more)
    local quick = 0
    for i = 1, n do
      local claim = { money = 100, tokens = 10 }
      for key, value in pairs(more or {}) do claim[key] = value end
      local held = assert(books:reserve(claim))
      if held.quick then quick = quick + 1 end
      assert(books:settle(held, { cost = i % 100, input = 3, output = 1 }))
      -- the disk's answer is heard between calls, as everywhere
      if i % 8 == 0 then loop.sleep(2) end
    end
    return quick
  end

  it("lets calls of a budget leave at once, once they come in numbers", function()
    local books = open { day_picousd = 1000000000 }
    assert.equal(0, calls(books, 32))
    assert.equal(0, (advances()))
    assert.is_true(calls(books, 200) > 150)
    books:close()
    local sum, n = 0, 0
    for _, row in ipairs(rows()) do
      if row.key:find "^call" then
        assert.equal("settled", row.state)
        sum, n = sum + row.cost, n + 1
      end
    end
    assert.equal(232, n)
    local list = budget.list(s, { now = now })
    assert.equal(sum, list[1].spent_picousd)
    assert.equal(0, list[1].reserved_picousd)
    assert.equal(232, list[1].calls)
  end)

  it("is a small part of the room, and none of what is scarce", function()
    local books = open { day_picousd = 40000 }
    assert.equal(0, calls(books, 100))
    assert.equal(0, (advances()))
  end)

  it("is not of a run's, nor of a budget of a minute", function()
    local books = open { day_picousd = 1000000000 }
    assert.equal(0, calls(books, 100, { run = "r" }))
    books = open { calls = { count = 100000, per_ms = 60000 } }
    assert.equal(0, calls(books, 100))
  end)

  it("is let go of when no calls come, and when a budget needs it", function()
    local books = open { day_picousd = 10000000 }
    calls(books, 100)
    assert.is_true(select(2, advances()) > 0)
    -- all that is left but what is ahead
    local line = books.lines:of({}, now)[1]
    local held = assert(books:reserve { money = 10000000 - line.spent, tokens = 1 })
    assert.equal(0, select(2, advances()))
    assert(books:release(held))
    calls(books, 40)
    for _ = 1, 200 do
      if select(2, advances()) == 0 then break end
      loop.sleep(10)
    end
    assert.equal(0, select(2, advances()))
  end)

  it("counts as spent when the process dies: the books are never below the bill", function()
    local books = open { day_picousd = 1000000000 }
    calls(books, 100)
    s:close()
    s = assert(store.open(path))
    local _, ahead = advances()
    assert.is_true(ahead > 0)
    open { day_picousd = 1000000000 }
    local spent = 0
    for _, row in ipairs(rows()) do
      assert.not_equal("reserved", row.state)
      spent = spent + row.cost
    end
    assert.equal(spent, budget.list(s, { now = now })[1].spent_picousd)
    assert.is_true(spent >= ahead)
  end)

  describe("who waits for room", function()
    it("goes in the order of arrival, and holds up nobody who asks for another agent", function()
      local books, order = open({}), {}
      local limits = { day_picousd = 100 }
      local first = assert(books:reserve { agent = "a", limits = limits, money = 100, tokens = 1 })
      for _, name in ipairs { "big", "small" } do
        loop.spawn(function()
          local held = assert(books:reserve { agent = "a", limits = limits, money = name == "big" and 90 or 5, tokens = 1 })
          order[#order + 1] = name
          assert(books:settle(held, { cost = 1 }))
        end)
      end
      assert(books:reserve { agent = "b", limits = limits, money = 100, tokens = 1, deadline = 0 })
      assert.same({}, order)
      assert(books:settle(first, { cost = 5 }))
      loop.run()
      assert.same({ "big", "small" }, order)
    end)

    it("waits for a call to come back where only so many may be out", function()
      local books, out, most, left = open({}), 0, 0, 9
      for _ = 1, 9 do
        loop.spawn(function()
          local held = assert(books:reserve { agent = "a", limits = { parallel = 3 }, money = 1, tokens = 1 })
          out = out + 1
          most = math.max(most, out)
          repeat loop.sleep(1) until most == 3 or left < 3
          out, left = out - 1, left - 1
          assert(books:settle(held, { cost = 1 }))
        end)
      end
      loop.run()
      assert.equal(3, most)
    end)
  end)

  it("tells each fraction of a limit once, over restarts, too", function()
    local told = {}
    local function listen(alert) told[#told + 1] = ("%s %s %g"):format(alert.scope, alert.window, alert.fraction) end
    local limits = { day_picousd = 100, warn = { 0.5, 0.8 } }
    local books = open(limits, { on_alert = listen })
    for _, cost in ipairs { 30, 25, 5 } do assert(books:settle(assert(books:reserve { money = 30, tokens = 1 }), { cost = cost })) end
    assert.same({ "engine day 0.5" }, told)
    s:close()
    s = assert(store.open(path))
    books = open(limits, { on_alert = listen })
    for _, cost in ipairs { 5, 20, 15 } do assert(books:settle(assert(books:reserve { money = cost, tokens = 1, deadline = 0 }), { cost = cost })) end
    assert.same({ "engine day 0.5", "engine day 0.8", "engine day 1" }, told)
  end)

  it("is set right when the bill is known after all", function()
    local books = open { day_picousd = 1000 }
    local held = assert(books:reserve { money = 700, tokens = 9, agent = "a" })
    assert(books:estimate(held, "connection lost"))
    local function commit(tx) return s:commit(tx) end
    assert(budget.resolve(s, commit, held.key, { cost = 40, input = 5, output = 2 }, now))
    local row = s:read("ledger.get", { key = held.key })[1]
    assert.same({ "settled", 40 }, { row.state, row.cost })
    assert.equal(40, budget.list(s, { now = now })[1].spent_picousd)
    assert.equal("conflict", select(3, budget.resolve(s, commit, held.key, { cost = 0 }, now)))
    assert.equal("conflict", select(3, budget.resolve(s, commit, "none", { cost = 0 }, now)))
  end)

  it("follows what a person set over the files", function()
    local books = open { day_picousd = 100 }
    local function commit(tx) return s:commit(tx) end
    assert.equal("budget", select(3, books:reserve { money = 101, tokens = 1, deadline = 0 }))
    assert(budget.set_limit(s, commit, "engine", "day", { money = 500 }, "Mira", now))
    assert(books:reload())
    local held = assert(books:reserve { money = 101, tokens = 1, deadline = 0 })
    assert(books:release(held))
    local row = budget.list(s, { now = now, limits = { day_picousd = 100 } })[1]
    assert.same({ 500, "person" }, { row.limit_picousd, row.set_by })
    assert(budget.set_limit(s, commit, "engine", "day", nil, "Mira", now))
    assert(books:reload())
    assert.equal("budget", select(3, books:reserve { money = 101, tokens = 1, deadline = 0 }))
  end)
end)
