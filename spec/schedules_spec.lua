-- Schedules on a clock that only the test moves: what fires, what is skipped and why.
local home = require "spec.support.home"
local json = require "json"
local rfc3339 = require "rfc3339"

local minute, hour, day = 60000, 3600000, 86400000

local function at(text) return assert(rfc3339.parse(text)) end

--- An agent with these triggers whose runs take `sleep` (nil: no time at all).
local function agent(on, sleep)
  return home.agent((sleep and ("ctx.sleep(%q) "):format(sleep) or "") .. "return { got = input }", "on = " .. on .. ",")
end

describe("a schedule", function()
  local h
  after_each(function()
    if h then h:remove() end
    h = nil
  end)

  local function open(agents, begin, config)
    h = home.make { agents = agents, config = config }
    h.now = at(begin)
    return h:open { schedules = true }
  end

  local function settle()
    assert(h.engine:drain())
    return h.engine
  end

  --- Look at the clock as the alarm does.
  local function to(time)
    h.now = type(time) == "number" and time or at(time)
    h.engine:fire()
    return settle()
  end

  local function reopen(time, options)
    h.engine:close()
    h.now = time and at(time) or h.now
    h:open(options or { schedules = true })
    return settle()
  end

  --- "08:00 started", "08:10 skipped overlap": the past, oldest first.
  local function past(id)
    local list = {}
    for i, row in ipairs(h.engine:slot_log { schedule = id, limit = 1000 }) do
      local text = row.slot:sub(12, 16) .. " " .. row.state .. (row.reason and " " .. row.reason or "")
      list[i] = row.count > 1 and text .. " x" .. row.count or text
    end
    local turned = {}
    for i = #list, 1, -1 do turned[#turned + 1] = list[i] end
    return turned
  end

  local function next_of(id)
    for _, row in ipairs(h.engine:schedule_list()) do
      if row.schedule == id then return row.next end
    end
  end

  it("starts a run at its time, and not before", function()
    open({ a = agent '{ cron = "0 9 * * MON-FRI", zone = "Europe/Lisbon", name = "morning", input = { issue = 62 } }' },
      "2026-03-27T08:00:00Z")
    settle()
    assert.equal("2026-03-27T09:00:00.000Z", next_of "a/morning")
    to "2026-03-27T08:59:59Z"
    assert.same({}, past())
    to "2026-03-27T09:00:00Z"
    assert.same({ "09:00 started" }, past "a/morning")
    local run = h.engine:list {}[1]
    assert.equal("done", run.state)
    assert.same({ type = "schedule", key = "a/morning/2026-03-27T09:00:00.000Z", schedule = "a/morning",
      time = "2026-03-27T09:00:00.000Z", ["local"] = "2026-03-27T09:00", zone = "Europe/Lisbon", trust = "owner",
      payload = { issue = 62 } }, run.output.got)
    -- after the weekend, an hour earlier by UTC: summer has begun
    assert.equal("2026-03-30T08:00:00.000Z", next_of "a/morning")
  end)

  it("takes the home's zone, and is called like its agent, where it says nothing else", function()
    open({ a = agent '{ { cron = "@daily" }, { every = "6h" }, { at = "2026-04-01T00:00:00Z" } }' },
      "2026-03-01T12:30:00Z", 'return { zone = "Asia/Kolkata" }')
    settle()
    local names = {}
    for i, row in ipairs(h.engine:schedule_list()) do names[i] = row.schedule .. " " .. row.next .. " " .. row.zone end
    assert.same({ "a 2026-03-01T18:30:00.000Z Asia/Kolkata", "a/2 2026-03-01T18:00:00.000Z Asia/Kolkata",
      "a/3 2026-04-01T00:00:00.000Z Asia/Kolkata" }, names)
    assert.same({}, h.engine:warnings())
  end)

  it("fires while the engine is served only", function()
    h = home.make { agents = { a = agent '{ every = "10m" }' } }
    h.now = at "2026-03-01T12:00:00Z"
    h:open()
    settle()
    to "2026-03-01T13:00:00Z"
    assert.equal(0, #h.engine:list {})
    assert.equal("2026-03-01T13:10:00.000Z", next_of "a")
  end)

  it("fires within jitter of its slot, always at the same moment of it", function()
    open({ a = agent '{ every = "1h", jitter = "10m" }' }, "2026-03-01T12:30:00Z")
    settle()
    local due = at(h.engine:schedule_list()[1].due)
    assert.is_true(due > at "2026-03-01T13:00:00Z" and due <= at "2026-03-01T13:10:00Z")
    assert.equal(due, at(h.engine:next_firings(1)[1].due))
    to(due - 1)
    assert.same({}, past())
    to(due)
    assert.same({ "13:00 started" }, past())
  end)

  it("fires once at one time, and late rather than never", function()
    open({ a = agent '{ at = "2026-03-01T12:00:00Z" }' }, "2026-03-01T14:00:00Z")
    settle()
    assert.same({ "12:00 started caught_up" }, past())
    assert.is_nil(next_of "a")
    reopen "2026-03-02T14:00:00Z"
    assert.equal(1, #h.engine:list {})
    -- a day late is too late
    h:write("agents/a.lua", agent '{ at = "2026-03-01T13:59:59Z" }')
    reopen()
    assert.same({ "12:00 started caught_up", "13:59 skipped missed" }, past())
  end)

  -- ---- overlap ------------------------------------------------------------------------

  local function overlapping(policy)
    open({ a = agent('{ every = "10m", overlap = "' .. policy .. '" }', "25m") }, "2026-03-01T12:00:00Z")
    settle()
    for m = 1, 55 do to(at "2026-03-01T12:00:00Z" + m * minute) end
    return past()
  end

  it("skips what would overlap, by default and when told", function()
    assert.same({ "12:10 started", "12:20 skipped overlap", "12:30 skipped overlap", "12:40 started",
      "12:50 skipped overlap" }, overlapping "skip")
  end)

  it("keeps one waiting", function()
    assert.same({ "12:10 started", "12:20 started", "12:30 skipped overlap", "12:40 queued", "12:50 skipped overlap" },
      overlapping "queue_one")
    -- the run of 12:20 began at 12:35
    to "2026-03-01T13:01:00Z"
    assert.equal("12:40 started", past()[4])
  end)

  it("keeps all of them waiting", function()
    assert.same({ "12:10 started", "12:20 started", "12:30 queued", "12:40 queued", "12:50 queued" },
      overlapping "queue_all")
    assert.equal(2, #h.engine:list {})
  end)

  it("goes on after a restart with what waits", function()
    overlapping "queue_all"
    reopen "2026-03-01T12:59:59Z"
    assert.equal(2, #h.engine:list {})
    to "2026-03-01T13:00:30Z"
    assert.equal("12:30 started", past()[3])
    assert.equal("13:00 queued", past()[6])
  end)

  it("lets runs overlap where that is allowed", function()
    assert.same({ "12:10 started", "12:20 started", "12:30 started", "12:40 started", "12:50 started" },
      overlapping "allow")
  end)

  it("gives up the run before it where that is wanted", function()
    assert.same({ "12:10 started", "12:20 started", "12:30 started", "12:40 started", "12:50 started" },
      overlapping "cancel_previous")
    local states = {}
    for i, run in ipairs(h.engine:list {}) do states[i] = run.state end
    assert.same({ "waiting", "cancelled", "cancelled", "cancelled", "cancelled" }, states)
  end)

  -- ---- what was missed ------------------------------------------------------------------

  local function after_downtime(policy, from, to_)
    open({ a = agent('{ every = "1h"' .. policy .. ' }') }, from)
    settle()
    reopen(to_)
    return past()
  end

  it("catches up the newest of the last day, and tells of the others", function()
    assert.same({ "13:00 skipped missed", "14:00 skipped missed", "15:00 started caught_up" },
      after_downtime("", "2026-03-01T12:30:00Z", "2026-03-01T15:40:00Z"))
    assert.equal(1, #h.engine:list {})
    assert.equal("2026-03-01T16:00:00.000Z", next_of "a")
    reopen()
    assert.equal(1, #h.engine:list {})
  end)

  it("catches up all, within its window", function()
    assert.same({ "13:00 skipped missed", "14:00 started caught_up", "15:00 started caught_up" }, after_downtime(
      ', overlap = "allow", catch_up = { within = "2h", keep = "all" }', "2026-03-01T12:30:00Z", "2026-03-01T15:40:00Z"))
  end)

  it("catches up nothing where that is wanted, nor what is too old", function()
    assert.same({ "13:00 skipped missed", "14:00 skipped missed" }, after_downtime(', catch_up = { keep = "none" }',
      "2026-03-01T12:30:00Z", "2026-03-01T14:02:00Z"))
    h:remove()
    assert.same({ "13:00 skipped missed", "14:00 skipped missed" }, after_downtime(', catch_up = "10m"',
      "2026-03-01T12:30:00Z", "2026-03-01T14:20:00Z"))
    h:remove()
    -- within a minute it is no catching up
    assert.same({ "13:00 skipped missed", "14:00 started" }, after_downtime(', catch_up = { keep = "none" }',
      "2026-03-01T12:30:00Z", "2026-03-01T14:00:40Z"))
  end)

  it("neither floods nor forgets after a long time", function()
    open({ a = agent '{ every = "1m", overlap = "queue_all", catch_up = { within = "30d", keep = "all" } }' },
      "2026-03-01T00:00:00Z")
    settle()
    reopen "2026-04-20T00:00:30Z"
    local counted, started, rows = 0, 0, h.engine:slot_log { limit = 100000 }
    for _, row in ipairs(rows) do
      counted = counted + row.count
      if row.run then started = started + 1 end
    end
    assert.equal(50 * 1440, counted)
    assert.equal(100, started)
    assert.is_true(#rows <= 1002)
    assert.equal(100, #h.engine:list { limit = 1000 })
  end)

  it("keeps the newest thousand of its past", function()
    open({ a = agent '{ every = "1s" }' }, "2026-03-01T00:00:00Z")
    settle()
    for _ = 1, 3 do to(h.now + 700000) end
    assert.is_true(#h.engine:slot_log { limit = 100000 } <= 1001)
  end)

  -- ---- the clock ---------------------------------------------------------------------------

  it("fires nothing twice when the clock is set back, and goes on when it is there again", function()
    open({ a = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    for m = 5, 65 do to(at "2026-03-01T12:00:00Z" + m * minute) end
    assert.equal(6, #h.engine:list {})
    for m = 5, 65 do to(at "2026-03-01T12:00:00Z" + m * minute) end
    assert.equal(6, #h.engine:list {})
    to "2026-03-01T13:10:00Z"
    assert.equal(7, #h.engine:list {})
  end)

  it("catches up once when the clock leaps forward", function()
    open({ a = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    to "2026-03-01T12:10:00Z"
    to "2026-03-01T13:15:00Z"
    assert.same({ "12:10 started", "12:20 skipped missed", "12:30 skipped missed", "12:40 skipped missed",
      "12:50 skipped missed", "13:00 skipped missed", "13:10 started caught_up" }, past())
  end)

  it("fires what it had taken for missed when the clock was ahead by mistake", function()
    open({ a = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    to "2026-03-01T12:10:00Z"
    to "2026-03-01T13:15:00Z"
    to "2026-03-01T12:16:00Z"
    assert.equal("2026-03-01T12:20:00.000Z", next_of "a")
    for m = 17, 75 do to(at "2026-03-01T12:00:00Z" + m * minute) end
    assert.same({ "12:10 started", "12:20 started", "12:30 started", "12:40 started", "12:50 started", "13:00 started",
      "13:10 started caught_up" }, past())
    to "2026-03-01T13:20:00Z"
    assert.equal("13:20 started", past()[8])
    assert.equal(8, #h.engine:list {})
  end)

  it("does not wait for years when the clock was years ahead", function()
    open({ a = agent '{ cron = "0 9 * * *" }' }, "2026-03-01T08:00:00Z")
    settle()
    to "2030-01-01T12:00:00Z"
    assert.equal("2030-01-02T09:00:00.000Z", next_of "a")
    to "2026-03-01T08:30:00Z"
    assert.equal("2026-03-01T09:00:00.000Z", next_of "a")
    to "2026-03-01T09:00:00Z"
    assert.equal(2, #h.engine:list {})
  end)

  it("tells what the wall clock left out or showed twice", function()
    open({ gap = agent '{ cron = "30 2 * * *", zone = "America/New_York", dst = "skip" }',
      fold = agent '{ cron = "30 1 * * *", zone = "America/New_York" }' }, "2026-03-07T12:00:00Z")
    settle()
    to "2026-03-09T12:00:00Z"
    assert.same({ "07:00 skipped dst_gap", "06:30 started caught_up" }, past "gap")
    reopen "2026-10-31T12:00:00Z"
    to "2026-11-01T05:30:00Z"
    to "2026-11-01T06:30:00Z"
    to "2026-11-02T06:30:00Z"
    local rows = past "fold"
    assert.same({ "05:30 started", "06:30 skipped dst_fold", "06:30 started" }, { table.unpack(rows, #rows - 2) })
  end)

  -- ---- holding, changing, going --------------------------------------------------------------

  it("fires nothing while it is paused, and goes on from then", function()
    open({ a = agent '{ every = "10m", name = "tick" }' }, "2026-03-01T12:05:00Z")
    settle()
    assert.equal("a/tick", h.engine:pause_schedule("tick", true))
    to "2026-03-01T12:10:00Z"
    to "2026-03-01T12:25:00Z"
    assert.equal("paused", h.engine:schedule_list()[1].state)
    assert.same({}, h.engine:next_firings(5))
    reopen "2026-03-01T12:35:00Z"
    assert.equal("a/tick", h.engine:pause_schedule("a/tick", false))
    to "2026-03-01T12:40:00Z"
    assert.same({ "12:10 skipped paused", "12:20 skipped paused", "12:30 skipped paused", "12:40 started" }, past())
    local id, err = h.engine:pause_schedule("tock", true)
    assert.is_nil(id)
    assert.equal("K1007", err.number)
  end)

  it("counts what was due while it was paused and nothing ran as paused", function()
    open({ a = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    reopen("2026-03-01T12:05:00Z", {})
    assert(h.engine:pause_schedule("a", true))
    reopen("2026-03-01T12:35:00Z", {})
    assert(h.engine:pause_schedule("a", false))
    reopen "2026-03-01T12:36:00Z"
    assert.same({ "12:10 skipped paused", "12:20 skipped paused", "12:30 skipped paused" }, past())
  end)

  it("holds what can wait while its agent is held", function()
    open({ a = agent '{ every = "10m", overlap = "queue_one" }', b = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    assert(h.engine:pause({ agent = "a" }, {}))
    assert(h.engine:pause({ agent = "b" }, {}))
    to "2026-03-01T12:10:00Z"
    to "2026-03-01T12:20:00Z"
    assert.same({ "12:10 queued", "12:20 skipped overlap" }, past "a")
    assert.same({ "12:10 skipped paused", "12:20 skipped paused" }, past "b")
    h.now = h.now + minute
    assert(h.engine:resume({ agent = "a" }, {}))
    settle()
    assert.same({ "12:10 started", "12:20 skipped overlap" }, past "a")
  end)

  local function save(name, text)
    if text then h:write("agents/" .. name .. ".lua", text) else os.remove(h.path .. "/agents/" .. name .. ".lua") end
    local e = h.engine
    e.library = require("library").load(e.home, e.settings.adapters)
    assert(e:sync_schedules())
    settle()
  end

  it("plans anew when its times change, and keeps what was planned when they do not", function()
    open({ a = agent '{ cron = "0 9 * * *" }' }, "2026-03-01T12:00:00Z")
    settle()
    save("a", agent '{ cron = "0 9 * * *", overlap = "allow", input = { x = 1 } }')
    assert.same({}, past())
    save("a", agent '{ cron = "0 10 * * *" }')
    assert.same({ "09:00 skipped changed" }, past())
    assert.equal("2026-03-02T10:00:00.000Z", next_of "a")
    -- and back again, before the time has come
    save("a", agent '{ cron = "0 9 * * *" }')
    assert.same({ "10:00 skipped changed" }, past())
    to "2026-03-02T09:00:00Z"
    assert.equal("09:00 started", past()[1])
  end)

  it("gives up what no manifest names any more", function()
    open({ a = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    save("a", nil)
    assert.same({ "12:10 skipped gone" }, past())
    assert.same({}, h.engine:schedule_list())
    to "2026-03-01T12:15:00Z"
    save("a", agent '{ every = "10m" }')
    to "2026-03-01T12:20:00Z"
    assert.same({ "12:10 skipped gone", "12:20 started" }, past())
  end)

  it("waits for an agent whose file is broken, and catches up when it is mended", function()
    open({ a = agent '{ every = "10m" }' }, "2026-03-01T12:05:00Z")
    settle()
    h:write("agents/a.lua", "return agent {")
    reopen "2026-03-01T12:08:00Z"
    assert.equal("broken", h.engine:schedule_list()[1].state)
    to "2026-03-01T12:35:00Z"
    assert.same({}, past())
    h:write("agents/a.lua", agent '{ every = "10m" }')
    reopen "2026-03-01T12:36:00Z"
    assert.same({ "12:10 skipped missed", "12:20 skipped missed", "12:30 started caught_up" }, past())
  end)

  it("says why a run could not be started, and tries the next time", function()
    h = home.make { agents = { a = home.agent("return 1",
      'on = { every = "10m" }, input = { type = "object", required = { "subject" } },') } }
    h.now = at "2026-03-01T12:05:00Z"
    local refused = {}
    h:open { schedules = true, on_refused = function(refusal) table.insert(refused, refusal) end }
    settle()
    to "2026-03-01T12:10:00Z"
    assert.same({ "12:10 skipped refused K1011" }, past())
    assert.equal("K1011", refused[1].err.number)
    assert.equal("2026-03-01T12:20:00.000Z", next_of "a")
  end)

  it("is gathered with events where it says so", function()
    open({ a = home.agent("return input.type or input.n", [[on = { { event = "paid", coalesce = "20s" },
      { every = "10m", coalesce = "20s" } },]]) }, "2026-03-01T12:09:55Z")
    settle()
    h.engine:emit("paid", { n = 1 })
    settle()
    to "2026-03-01T12:10:00Z"
    assert.same({ "12:10 started coalesced" }, past())
    assert.equal(0, #h.engine:list {})
    h.now = h.now + 30000
    h.engine:admit()
    settle()
    assert.equal(1, #h.engine:list {})
    assert.equal("schedule", h.engine:list {}[1].output)
  end)

  it("warns when the agent's input refuses what it hands over", function()
    open({ a = home.agent("return 1", 'on = { every = "10m" }, input = { type = "object", required = { "subject" } },'),
      b = home.agent("return 1", 'on = { every = "10m" }, input = { type = "object", required = { "payload" } },') },
      "2026-03-01T12:05:00Z")
    local warnings = h.engine:warnings()
    assert.equal(1, #warnings)
    assert.matches("agents/a.lua: its `input` refuses what its schedule 'a' hands over: .*subject", warnings[1])
  end)

  it("tells the next firings of all schedules in their order", function()
    open({ a = agent '{ cron = "0 9 * * *" }', b = agent '{ every = "12h" }' }, "2026-03-01T08:00:00Z")
    settle()
    local list = {}
    for i, one in ipairs(h.engine:next_firings(4)) do list[i] = one.schedule .. " " .. one.at end
    assert.same({ "a 2026-03-01T09:00:00.000Z", "b 2026-03-01T12:00:00.000Z", "b 2026-03-02T00:00:00.000Z",
      "a 2026-03-02T09:00:00.000Z" }, list)
    assert.equal("2027-01-01T09:00:00.000Z", h.engine:next_firings(1, at "2027-01-01T08:00:00Z", "a")[1].at)
  end)
end)

describe("a schedule that a person fires", function()
  it("begins a run of it now, beside its plan", function()
    local home = require "spec.support.home"
    local h = home.make { agents = { a = home.agent("return { input.schedule, input.time, input['local'] }", 'on = { cron = "0 9 * * *", zone = "Europe/Lisbon" },') } }
    local e = h:open { schedules = true }
    local run = assert(e:trigger_schedule "a")
    assert(e:drain())
    assert.same({ "a", "2026-03-02T09:00:00.000Z", "2026-03-02T09:00" }, e:describe(run.run).output)
    assert.equal("schedule.fire", e:rows("audit.list", { limit = 1 })[1].what)
    assert.equal("K1007", select(2, e:trigger_schedule "b").number)
    h:remove()
  end)
end)
