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
    for m = 1, 60 do to(at "2026-03-01T12:00:00Z" + m * minute) end
    return past()
  end

  it("skips what would overlap, by default and when told", function()
    assert.same({ "12:10 started", "12:20 skipped overlap", "12:30 skipped overlap", "12:40 started",
      "12:50 skipped overlap", "13:00 skipped overlap" }, overlapping "skip")
  end)

  it("keeps one waiting, or all", function()
    assert.same({ "12:10 started", "12:20 started", "12:30 skipped overlap", "12:40 queued", "12:50 skipped overlap",
      "13:00 started" }, (function(list)
        -- at 13:00 the run of 12:20 (begun 12:35) is over, and the slot of 12:40 begins
        list[4], list[6] = "12:40 queued", "13:00 started"
        return list
      end)(overlapping "queue_one"))
  end)
end)
