-- Cron expressions, and the slots of a schedule in its zone. `make schedules` holds both
-- against an oracle over ten years; here are the corners that have a name.
local cron = require "core.cron"
local rfc3339 = require "rfc3339"
local slots = require "slots"

local function minute_of(text) return assert(rfc3339.parse(text .. ":00Z")) // 60000 end

--- The next times of an expression on the wall clock, from a moment on.
local function next_times(text, from, count)
  local c, message = cron.parse(text)
  assert(c, message)
  local list, at = {}, minute_of(from)
  for i = 1, count do
    at = c:next(at)
    list[i] = rfc3339.format(at * 60000):sub(1, 16)
    at = at + 1
  end
  return list
end

describe("a cron expression", function()
  it("has values, ranges, steps and lists", function()
    assert.same({ "2026-01-01T00:05", "2026-01-01T00:20", "2026-01-01T00:35", "2026-01-01T00:50", "2026-01-01T01:05" },
      next_times("5/15 * * * *", "2026-01-01T00:00", 5))
    assert.same({ "2026-01-01T08:00", "2026-01-01T08:30", "2026-01-01T10:00", "2026-01-01T10:30", "2026-01-01T17:00" },
      next_times("*/30 8-10/2,17 * * *", "2026-01-01T00:00", 5))
    assert.same({ "2026-12-31T23:59", "2027-12-31T23:59" }, next_times("59 23 31 12 *", "2026-01-01T00:00", 2))
  end)

  it("knows months and weekdays by name, in any case, and both Sundays", function()
    local sundays = { "2026-01-04T00:00", "2026-01-11T00:00" }
    for _, day in ipairs { "0", "7", "SUN", "sun", "Sun" } do
      assert.same(sundays, next_times("0 0 * * " .. day, "2026-01-01T00:00", 2))
    end
    assert.same({ "2026-01-02T00:00", "2026-01-03T00:00", "2026-01-04T00:00", "2026-01-09T00:00" },
      next_times("0 0 * * FRI-SUN", "2026-01-01T00:00", 4))
    assert.same({ "2026-03-01T00:00", "2026-06-01T00:00" }, next_times("0 0 1 mar,JUN ?", "2026-01-01T00:00", 2))
  end)

  it("fires on days that fit either of its fields when it has both", function()
    assert.same({ "2026-02-01T06:00", "2026-02-06T06:00", "2026-02-13T06:00", "2026-02-15T06:00" },
      next_times("0 6 1,15 * FRI", "2026-02-01T00:00", 4))
    -- one that begins with a star restricts nothing: both must fit
    assert.same({ "2026-02-09T06:00", "2026-02-23T06:00" }, next_times("0 6 */2 * MON", "2026-02-03T00:00", 2))
  end)

  it("has nicknames", function()
    local at = "2026-03-05T05:30"
    assert.same({ "2026-03-05T06:00" }, next_times("@hourly", at, 1))
    assert.same({ "2026-03-06T00:00" }, next_times("@daily", at, 1))
    assert.same({ "2026-03-06T00:00" }, next_times("@midnight", at, 1))
    assert.same({ "2026-03-08T00:00" }, next_times("@weekly", at, 1))
    assert.same({ "2026-04-01T00:00" }, next_times("@monthly", at, 1))
    assert.same({ "2027-01-01T00:00" }, next_times("@yearly", at, 1))
    assert.same({ "2027-01-01T00:00" }, next_times("@annually", at, 1))
  end)

  it("finds 29 February, over a century's gap too", function()
    assert.same({ "2028-02-29T12:00", "2032-02-29T12:00" }, next_times("0 12 29 2 *", "2026-01-01T00:00", 2))
    assert.same({ "2096-02-29T12:00", "2104-02-29T12:00" }, next_times("0 12 29 2 *", "2095-01-01T00:00", 2))
  end)

  it("counts what lies between", function()
    local c = cron.parse("*/15 9-16 * * MON-FRI")
    assert.equal(261 * 32, c:count(minute_of "2026-01-01T00:00", minute_of "2027-01-01T00:00"))
    assert.equal(1, c:count(minute_of "2026-01-01T09:00", minute_of "2026-01-01T09:15"))
    assert.equal(0, c:count(minute_of "2026-01-01T09:01", minute_of "2026-01-01T09:15"))
    assert.is_nil(c:next(math.maxinteger))
    assert.is_nil(c:next(math.mininteger))
  end)

  it("is refused with the field that is wrong and what was expected", function()
    local cases = {
      { "60 * * * *", "minute '60': expected a value from 0 to 59" },
      { "* 24 * * *", "hour '24': expected a value from 0 to 23" },
      { "* * 0 * *", "day of month '0': expected a value from 1 to 31" },
      { "* * * FOO *", "month 'FOO': expected a value from 1 to 12 or JAN to DEC" },
      { "* * * * 8", "day of week '8': expected a value from 0 to 7 or SUN to SAT" },
      { "*/0 * * * *", "minute '*/0': expected a step from 1 to 59 after '/'" },
      { "*/90 * * * *", "minute '*/90': expected a step from 1 to 59 after '/'" },
      { "* 22-2 * * *", "hour '22-2': expected a range from the smaller to the larger value" },
      { "? * * * *", "minute '?'" },
      { "1,,2 * * * *", "minute '1,,2'" },
      { "0 0 L * *", "L, W, #, H and ~ are no part of five-field cron" },
      { "0 0 * * MON#2", "L, W, #, H and ~ are no part of five-field cron" },
      { "1 2 3", "expected five fields" }, { "", "expected five fields" },
      { "1 2 3 4 5 6", "'6' is one too many" },
      { "0 0 30 2 *", "names days that no year has" }, { "0 0 31 4,6,9,11 *", "the longest of its months has 30" },
      { "@reboot", "expected one of @hourly" }, { "@Daily", "expected one of @hourly" },
    }
    for _, case in ipairs(cases) do
      local c, message, code = cron.parse(case[1])
      assert.is_nil(c, case[1])
      assert.equal("input", code)
      assert.is_truthy(message:find(case[2], 1, true), message)
    end
  end)
end)

describe("the slots of a schedule", function()
  local function list_of(def, from, count)
    local s = assert(slots.of(def))
    local list, at = {}, rfc3339.parse(from) - 1
    for i = 1, count do
      local slot = s:after(at)
      list[i] = rfc3339.format(slot.slot):sub(6, 16) .. " " .. slot.wall:sub(6)
      at = slot.slot
    end
    return list
  end

  local function in_new_york(text, dst, value)
    return { kind = "cron", cron = text, zone = "America/New_York", [dst or 1] = value }
  end

  it("come when the clock has leapt over them, or not at all", function()
    local from = "2026-03-07T12:00:00Z"
    assert.same({ "03-08T07:00 03-08T02:30", "03-09T06:30 03-09T02:30" }, list_of(in_new_york "30 2 * * *", from, 2))
    assert.same({ "03-09T06:30 03-09T02:30" }, list_of(in_new_york("30 2 * * *", "gap", "skip"), from, 1))
    -- what is due at that moment anyway comes once
    assert.same({ "03-08T06:00 03-08T01:00", "03-08T07:00 03-08T03:00", "03-09T05:00 03-09T01:00" },
      list_of(in_new_york "0 1-3 * * *", "2026-03-08T06:00:00Z", 3))
  end)

  it("come once when the clock shows them twice, or both times", function()
    local from = "2026-10-31T12:00:00Z"
    assert.same({ "11-01T05:30 11-01T01:30", "11-02T06:30 11-02T01:30" }, list_of(in_new_york "30 1 * * *", from, 2))
    assert.same({ "11-01T05:30 11-01T01:30", "11-01T06:30 11-01T01:30", "11-02T06:30 11-02T01:30" },
      list_of(in_new_york("30 1 * * *", "fold", "twice"), from, 3))
  end)

  it("go on by real time when they come in every hour", function()
    assert.same({ "03-08T06:30 03-08T01:30", "03-08T07:00 03-08T03:00", "03-08T07:30 03-08T03:30" },
      list_of(in_new_york "*/30 * * * *", "2026-03-08T06:30:00Z", 3))
    assert.same({ "11-01T05:30 11-01T01:30", "11-01T06:00 11-01T01:00", "11-01T06:30 11-01T01:30", "11-01T07:00 11-01T02:00" },
      list_of(in_new_york "*/30 * * * *", "2026-11-01T05:30:00Z", 4))
  end)

  it("tell what was skipped on the way", function()
    local s = assert(slots.of(in_new_york("30 2 * * *", "gap", "skip")))
    local slot, passed = s:after(rfc3339.parse "2026-03-07T12:00:00Z")
    assert.equal("2026-03-09T02:30", slot.wall)
    assert.same({ { slot = rfc3339.parse "2026-03-08T07:00:00Z", wall = "2026-03-08T02:30", reason = "dst_gap" } }, passed)
  end)

  it("come in equal steps from a moment, or from 1970", function()
    assert.same({ "03-01T12:10 03-01T12:10", "03-01T12:20 03-01T12:20" },
      list_of({ kind = "every", every_ms = 600000 }, "2026-03-01T12:05:00Z", 2))
    local from = rfc3339.parse "2026-03-01T12:07:00Z"
    assert.same({ "03-01T12:07 03-01T12:07", "03-01T12:17 03-01T12:17" },
      list_of({ kind = "every", every_ms = 600000, from_ms = from }, "2025-01-01T00:00:00Z", 2))
  end)

  it("are found in any number without walking all the time between", function()
    for _, def in ipairs { { kind = "every", every_ms = 1000 }, { kind = "cron", cron = "* * * * *" } } do
      local s = assert(slots.of(def))
      local from, to = rfc3339.parse "1990-01-01T00:00:00Z", rfc3339.parse "2026-01-01T00:00:00Z"
      local list, older = s:between(from, to, 5)
      assert.equal(5, #list)
      assert.equal(to, list[5].slot)
      local step = def.every_ms or 60000
      assert.equal((to - from) // step, older + 5)
      assert.equal(to - 4 * step, list[1].slot)
    end
  end)

  it("fire within their jitter, each at a moment of its own", function()
    local s = assert(slots.of { kind = "every", every_ms = 60000, jitter_ms = 30000 })
    local seen, n = {}, 0
    for i = 1, 200 do
      local due = s:due("a", i * 60000)
      assert.equal(due, s:due("a", i * 60000))
      assert.is_true(due >= i * 60000 and due <= i * 60000 + 30000)
      if not seen[due % 60000] then n = n + 1 end
      seen[due % 60000] = true
    end
    assert.is_true(n > 150)
    assert.not_equal(s:due("a", 60000), s:due("b", 60000))
  end)
end)
