local fake_model = require "spec.support.fake_model"
local program = require "spec.support.program"
local store = require "store"

-- The server keeps exact books; ours must never say less, and never more than the budget.
describe("the books after kill -9", function()
  local server, path

  before_each(function()
    server = fake_model.start()
    path = os.tmpname()
    os.remove(path)
  end)
  after_each(function()
    server:stop()
    os.execute("rm -f " .. path .. "*")
  end)

  local usage = { prompt_tokens = 60, completion_tokens = 20, cached_tokens = 10 }

  -- Faults in no order that a test could rely on, but the same ones every time.
  local function script(seed)
    math.randomseed(seed)
    local faults = { "reset", "close", "cut", "reset_in_body" }
    local things = {}
    for i = 1, 150 do
      local thing = { text = "fine", usage = usage, delay_ms = math.random(0, 4) }
      local kind = math.random(10)
      if kind == 1 then thing = { status = 429, headers = { ["retry-after-ms"] = "1" } } end
      if kind == 2 then thing = { status = 500 } end
      if kind == 3 then thing.fault, thing.text = faults[math.random(#faults)], ("x"):rep(400) end
      if kind == 4 then thing.usage, thing.truth = false, usage end
      things[i] = thing
    end
    server:play(table.unpack(things))
    server:default { text = "fine", usage = usage }
  end

  local function cost(books)
    return (books.input - books.cached) * 200000 + books.cached * 50000 + books.output * 800000
  end

  local function storm(ms)
    local pipe = assert(io.popen(("%s lua spec/support/storm.lua %s %s 120 '$0.02' & echo $!; wait"):format(
      program, path, server.base_url)))
    local pid = pipe:read("l")
    assert.equal("open", pipe:read("l"))
    if ms then
      os.execute("sleep " .. ms / 1000)
      os.execute("kill -9 " .. pid .. " 2>/dev/null")
    end
    pipe:close()
  end

  local function ledger(s)
    local sum = 0
    for _, row in ipairs(s:read("ledger.list", { since = 0, limit = 100000 })) do
      assert.not_equal("reserved", row.state)
      sum = sum + row.cost
    end
    return sum
  end

  it("are never below the bill, never above the budget, and hold nothing for ever", function()
    local billed, limit = 0, 20000000000
    for round = 1, 12 do
      script(round)
      storm(5 + (round * 7) % 40)
      billed = billed + cost(server:books())
    end
    script(99)
    storm()                    -- to the end
    billed = billed + cost(server:books())
    local s = assert(store.open(path))
    assert(require("budget").open { store = s })
    local booked = ledger(s)
    assert.is_true(billed > 0)
    assert.is_true(booked >= billed, booked .. " booked, " .. billed .. " billed")
    assert.is_true(booked <= limit, booked)
    assert.same({}, s:read("budget.check", {}))
    s:close()
  end)
end)
