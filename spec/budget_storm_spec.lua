-- A small `make budget-storm`: money is a physical limit.
local chance = require "spec.budget.chance"
local fake = require "spec.budget.fake"
local kills = require "spec.budget.kills"
local plan = require "spec.budget.plan"
local storm = require "spec.budget.storm"

describe("a storm of calls on a budget for a tenth of them", function()
  local provider

  setup(function() provider = fake.start() end)
  teardown(function() provider:stop() end)

  for seed, way in ipairs { "day", "agents", "counts", "month" } do
    it("is billed within the budget, and booked to the pico-dollar: " .. way, function()
      local list, figures = storm.seed(provider, seed, { calls = 150, share = 2, way = way, parallel = 32, faults = 40 })
      assert.same({}, list)
      assert.equal(150, figures.calls)
      assert.is_true(figures.codes.budget > 0 and figures.codes.answered > 0 and figures.faults > 0)
      assert.is_true(figures.billed > 0 and figures.billed <= figures.booked and figures.booked <= figures.budget)
    end)
  end

  it("answers every call when the budget has room for all", function()
    local list, figures = storm.seed(provider, 5, { calls = 60, share = 20, way = "day", faults = 0 })
    assert.same({}, list)
    assert.is_nil(figures.codes.budget)
    assert.equal(60, figures.requests)
    assert.equal(figures.billed, figures.booked)
  end)

  it("does not leave calls waiting behind a long queue of refused ones", function()
    local list, figures = storm.seed(provider, 6, { calls = 1000, share = 1, way = "agents", parallel = 8, faults = 0 })
    assert.same({}, list)
    assert.is_true(figures.codes.budget > 500)
  end)

  it("can be killed at any moment: one opening puts the books right", function()
    local list, figures = kills.store(provider, 7, 5)
    assert.same({}, list)
    assert.is_true(figures.kills > 0 and figures.lives == 6)
    assert.is_true(figures.billed <= figures.booked and figures.booked <= figures.budget)
  end)
end)

describe("what judges the storm", function()
  -- A judge that never complains proves nothing.
  local function complaints(change)
    local list = {}
    local row = { seq = 1, state = "settled", cost = 10, money = 20, request_id = "a", agent = "agent1", run = "run1", made = 1,
      ended = 2, input = 1, output = 1, tokens = 30, provider = "openai" }
    local entry = { call = 1, id = "a", charge = 10, told = true, what = "good" }
    local books = { total = 10, list = { entry } }
    local rows = { row }
    change(row, entry, rows, books)
    storm.judge_rows(rows, books, function(text, ...) list[#list + 1] = text:format(...) end, true)
    return #list
  end

  it("sees a row that is a pico-dollar off, a charge without a row, and money that is still held", function()
    assert.equal(0, complaints(function() end))
    assert.is_true(complaints(function(row) row.cost = 9 end) > 0)
    assert.is_true(complaints(function(row) row.cost = 11 end) > 0)
    assert.is_true(complaints(function(_, _, rows) rows[1] = nil end) > 0)
    assert.is_true(complaints(function(row) row.state = "reserved" end) > 0)
    assert.is_true(complaints(function(row) row.state, row.cost = "estimated", 20 end) > 0)
    assert.is_true(complaints(function(_, _, _, books) books.total = 11 end) > 0)
    assert.is_true(complaints(function(_, entry, _, books)
      books.list[2] = { call = entry.call, id = "b", charge = 0, told = false, what = "silent" }
    end) > 0)
    assert.equal(0, complaints(function(row, entry)
      row.state, row.cost, entry.told, row.request_id = "estimated", 20, false, nil
    end))
  end)

  it("sees a limit that was passed, and a refusal of what fits", function()
    local p = { price = { input = 1, cached = 1, written = 1, reasoning = 1 }, engine = { day_picousd = 100 }, agent = {}, agents = 1,
      runs = 1, calls = { { i = 1, tier = "openai", max_tokens = 10, more = 0, agent = "agent1", run = "run1" } } }
    local function judged(cost)
      local list = {}
      local function complain(text) list[#list + 1] = text end
      local rows = { { seq = 1, provider = "openai", tokens = 40, state = "estimated", cost = cost, money = cost, agent = "agent1",
        run = "run1", made = 1 } }
      local used = storm.judge_limits(p, rows, complain)
      storm.judge_refusals(p, rows, { { code = "budget", message = "no" } }, used, complain)
      return list
    end
    assert.same({}, judged(61))
    assert.equal(1, #judged(60))
    assert.equal(1, #judged(101))
  end)

  it("sees calls of an agent behind its first that cost more than their bound", function()
    local function row(made, ended, cost) return { agent = "agent1", made = made, ended = ended, cost = cost, money = 10 } end
    local function judged(rows)
      local list = {}
      local excess = storm.judge_excess({ parallel = 1, agents = 1 }, rows, function(text) list[#list + 1] = text end)
      return #list, excess
    end
    assert.same({ 0, 5 }, { judged { row(1, 5, 15), row(2, 6, 10), row(5, 9, 3) } })
    assert.same({ 1, 5 }, { judged { row(1, 5, 15), row(6, 9, 3) } })
    assert.same({ 2, 10 }, { judged { row(1, 5, 12), row(1, 5, 12), row(1, 5, 12), row(1, 5, 12), row(1, 5, 12) } })
  end)

  it("plays the same seed alike in both processes", function()
    local one, two = chance.of(3, 4, 5), chance.of(3, 4, 5)
    for _ = 1, 100 do assert.equal(one(1000), two(1000)) end
    assert.not_equal(chance.of(3, 4, 6)(1 << 40), chance.of(3, 4, 5)(1 << 40))
    assert.same(plan.of(9, { calls = 20 }), plan.of(9, { calls = 20 }))
  end)
end)
