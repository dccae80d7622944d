--- Adapters that are files: a calendar (RFC 5545) and a folder that nothing leads out of.
local file = require "file"
local home = require "spec.support.home"
local ical = require "ical"
local rfc3339 = require "rfc3339"

local function ms(text) return assert(rfc3339.parse(text)) end

local function calendar(...)
  return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" .. table.concat({ ... }, "\r\n") .. "\r\nEND:VCALENDAR\r\n"
end

local function event(...)
  return "BEGIN:VEVENT\r\n" .. table.concat({ ... }, "\r\n") .. "\r\nEND:VEVENT"
end

local function starts(text, from, to, zone)
  local list = {}
  for i, one in ipairs(ical.occurrences(assert(ical.parse(text)), ms(from), ms(to), zone or "UTC")) do list[i] = rfc3339.format(one.from_ms):sub(1, 16) end
  return list
end

describe("a calendar", function()
  it("is read in zones, across changes of clocks", function()
    local text = calendar(event("UID:a", "DTSTART;TZID=Europe/Lisbon:20260327T100000", "DTEND;TZID=Europe/Lisbon:20260327T110000", "RRULE:FREQ=DAILY;COUNT=4"))
    -- clocks go forward on 29 March
    assert.same({ "2026-03-27T10:00", "2026-03-28T10:00", "2026-03-29T09:00", "2026-03-30T09:00" }, starts(text, "2026-03-01T00:00:00Z", "2026-05-01T00:00:00Z"))
  end)

  it("repeats as its rules say", function()
    local function rule(text, start) return starts(calendar(event("UID:r", "DTSTART:" .. (start or "20260302T090000Z"), "DURATION:PT30M", "RRULE:" .. text)), "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z") end
    assert.same({ "2026-03-02T09:00", "2026-03-04T09:00", "2026-03-16T09:00", "2026-03-18T09:00" }, rule "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=4")
    assert.same({ "2026-03-10T09:00", "2026-04-14T09:00", "2026-05-12T09:00", "2026-06-09T09:00" }, rule("FREQ=MONTHLY;BYDAY=2TU", "20260310T090000Z"))
    assert.same({ "2026-01-30T09:00", "2026-02-27T09:00", "2026-03-27T09:00" }, rule("FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20260401T000000Z", "20260130T090000Z"))
    assert.same({ "2026-01-31T09:00", "2026-03-31T09:00", "2026-05-31T09:00" }, rule("FREQ=MONTHLY;COUNT=3", "20260131T090000Z"))
    assert.same({ "2026-02-28T09:00" }, rule("FREQ=YEARLY", "20240228T090000Z"))
  end)

  it("leaves out what is excepted, moved, cancelled or free", function()
    local text = calendar(
      event("UID:a", "DTSTART:20260302T090000Z", "DTEND:20260302T100000Z", "RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20260303T090000Z"),
      event("UID:a", "RECURRENCE-ID:20260304T090000Z", "DTSTART:20260304T150000Z", "DTEND:20260304T160000Z"),
      event("UID:b", "DTSTART:20260302T120000Z", "DTEND:20260302T130000Z", "STATUS:CANCELLED"))
    assert.same({ "2026-03-02T09:00", "2026-03-02T12:00", "2026-03-04T15:00", "2026-03-05T09:00" }, starts(text, "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z"))
  end)

  it("knows whole days, folded lines and alarms inside of events", function()
    local text = calendar(event("UID:d", "DTSTART;VALUE=DATE:20260305", "SUMMARY:A long", " er title\\, with a comma", "BEGIN:VALARM", "DTSTART:20200101T000000Z", "END:VALARM"))
    local one = ical.occurrences(assert(ical.parse(text)), ms "2026-03-01T00:00:00Z", ms "2026-04-01T00:00:00Z", "America/New_York")[1]
    assert.equal("2026-03-05T05:00:00.000Z", rfc3339.format(one.from_ms))
    assert.equal(86400000, one.to_ms - one.from_ms)
    assert.equal("A longer title, with a comma", one.title)
  end)

  -- Each line: when it began (UTC), the rule, and the days from 3 November 2025 to 1 December 2026
  -- on which python-dateutil 2.9.0 says it comes.
  it("repeats as another reader of calendars says", function()
    local n = 0
    for line in io.lines "spec/data/calendar_rules.txt" do
      local start, rule, want = line:match "^(%S+) (%S+) (%S*)$"
      local got = starts(calendar(event("UID:r", "DTSTART:" .. start .. "Z", "RRULE:" .. rule)), "2025-11-03T12:00:00Z", "2026-12-01T12:00:00Z")
      for i, one in ipairs(got) do got[i] = one:sub(3, 10):gsub("-", "") end
      assert.equal(want, table.concat(got, ","), rule .. " from " .. start)
      n = n + 1
    end
    assert.equal(200, n)
  end)

  it("names what it does not understand, and takes its first occurrence", function()
    local function unclear(...)
      local list, odd = ical.occurrences(assert(ical.parse(calendar(event("UID:u", ...)))), ms "2026-03-01T00:00:00Z", ms "2026-04-01T00:00:00Z", "Europe/Lisbon")
      return #list, odd[1] and odd[1].why
    end
    for _, rule in ipairs { "FREQ=HOURLY", "FREQ=YEARLY;BYWEEKNO=20", "FREQ=DAILY;BYHOUR=9,15", "FREQ=DAILY;COUNT=0", "FREQ=DAILY;INTERVAL=9999999999999999999", "FREQ=WEEKLY;BYDAY=XX",
      "COUNT=3", "FREQ=DAILY;FREQUENTLY", "FREQ=DAILY;UNTIL=soon" } do
      local n, why = unclear("DTSTART:20260302T090000Z", "RRULE:" .. rule)
      assert.equal(1, n, rule)
      assert.match("^RRULE: ", why)
    end
    assert.same({ 30 }, { unclear("DTSTART:20260302T090000Z", "RRULE:FREQ=DAILY;BYHOUR=9;BYMINUTE=0") })
    assert.same({ 1, "TZID: no zone named 'Atlantis/Capital'" }, { unclear "DTSTART;TZID=Atlantis/Capital:20260302T090000" })
    assert.same({ 0, "DTSTART is no time" }, { unclear "DTSTART:20260230T090000" })
    assert.same({ 1 }, { unclear("DTSTART:20260302T090000Z", "DURATION:P99999999999999999999D") })
  end)

  it("knows zones by the names that programs give them", function()
    local function first(...) return starts(calendar(...), "2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z")[1] end
    local function at(name) return event("UID:z", "DTSTART;TZID=" .. name .. ":20260706T090000") end
    assert.equal("2026-07-06T07:00", first(at "Europe/Berlin"))
    assert.equal("2026-07-06T07:00", first(at '"W. Europe Standard Time"'))
    assert.equal("2026-07-06T07:00", first(at "/citadel.org/20211207_1/Europe/Berlin"))
    assert.equal("2026-07-06T16:00", first(at "Pacific Standard Time"))
    assert.equal("2026-07-06T08:00", first("BEGIN:VTIMEZONE\r\nTZID:Ours\r\nX-LIC-LOCATION:Europe/Lisbon\r\nBEGIN:STANDARD\r\nTZID:x\r\nEND:STANDARD\r\nEND:VTIMEZONE", at "Ours"))
  end)

  it("has whole days of 23 and of 25 hours, and days that are added", function()
    local text = calendar(event("UID:d", "DTSTART;VALUE=DATE:20260328", "DTEND;VALUE=DATE:20260329", "RRULE:FREQ=DAILY;COUNT=3", "RDATE;VALUE=DATE:20261025", "EXDATE;VALUE=DATE:20260330"))
    local hours = {}
    for i, one in ipairs(ical.occurrences(assert(ical.parse(text)), ms "2026-03-01T00:00:00Z", ms "2026-12-01T00:00:00Z", "Europe/Lisbon")) do hours[i] = (one.to_ms - one.from_ms) // 3600000 end
    assert.same({ 24, 23, 25 }, hours)
  end)

  it("is not worn out by rules that never come, or always do", function()
    local function of(n, ...)
      local text = "BEGIN:VCALENDAR\n" .. (event("UID:h", ...) .. "\n"):rep(n) .. "END:VCALENDAR\n"
      return ical.occurrences(assert(ical.parse(text)), ms "2026-03-01T00:00:00Z", ms "2027-03-01T00:00:00Z", "UTC")
    end
    local list, message = of(2000, "DTSTART:00010101T000000Z", "RRULE:FREQ=DAILY;COUNT=999999999;BYMONTH=2;BYMONTHDAY=31")
    assert.is_nil(list)
    assert.match("repeats too much", message)
    list, message = of(60, "DTSTART:20260101T000000Z", "RRULE:FREQ=DAILY")
    assert.is_nil(list)
    assert.match("repeats too much", message)
    assert.equal(0, #of(2000, "DTSTART:00010101T000000Z", "RRULE:FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31"))
    assert.equal(365, #of(1, "DTSTART:00010101T000000Z", "RRULE:FREQ=DAILY"))
  end)

  it("is changed by lines: what only looks like a bracket stays", function()
    local text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:x\n@keel\nDESCRIPTION:see END:VEVENT and\n  BEGIN:VEVENT\n \\nUID:k@keel\nEND:VEVENT\nX-NOTE:END:VCALENDAR\nEND:VCALENDAR\n"
    local more = assert(ical.insert(text, { uid = "k@keel", from_ms = 0, to_ms = 1000, title = "a\nb", now_ms = 0 }))
    assert.is_nil(more:find("\r", 1, true))
    assert.equal("END:VEVENT\nEND:VCALENDAR\n", more:sub(-25))
    local back, gone = ical.remove(more, "k@keel")
    assert.equal(1, gone)
    assert.equal(text, back)
    assert.is_nil(ical.insert("BEGIN:VCALENDAR\nBEGIN:VEVENT\nEND:VCALENDAR\nEND:VEVENT\n", { uid = "k", from_ms = 0, to_ms = 1, now_ms = 0 }))
  end)

  it("refuses what is none, and survives what is broken", function()
    assert.is_nil(ical.parse "hello")
    assert.is_nil(ical.parse(calendar "BEGIN:VEVENT"))
    math.randomseed(3)
    local text = calendar(event("UID:a", "DTSTART;TZID=Europe/Lisbon:20260327T100000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;BYDAY=MO,-1FR;INTERVAL=3;UNTIL=20270101T000000Z", "EXDATE:20260401T100000,20260408T100000"))
    for _ = 1, 2000 do
      local at = math.random(#text)
      local broken = text:sub(1, at - 1) .. string.char(math.random(0, 255)) .. text:sub(at + math.random(0, 3))
      local events = ical.parse(broken)
      if events then ical.occurrences(events, ms "2026-01-01T00:00:00Z", ms "2026-06-01T00:00:00Z", "UTC") end
    end
  end)

  it("keeps every byte that was there", function()
    local text = calendar("X-ODD;P=\"a:b\":kept", event("UID:x", "DTSTART:20260302T090000Z", "X-MINE:é"))
    local more = assert(ical.insert(text, { uid = "k@keel", from_ms = ms "2026-03-05T10:00:00Z", to_ms = ms "2026-03-05T11:00:00Z", title = ("Kickoff, sehr långt namn "):rep(6), now_ms = 0 }))
    assert.equal("2026-03-05T10:00", starts(more, "2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z")[1])
    for line in more:gmatch "[^\r\n]+" do assert.is_true(#line <= 75, line) end
    local back, gone = ical.remove(more, "k@keel")
    assert.equal(1, gone)
    assert.equal(text, back)
  end)
end)

describe("adapters that are files", function()
  local h
  after_each(function() h:remove() end)

  local function open(adapters, body)
    h = home.make { agents = { a = home.agent(body, 'uses = { "calendar", "docs" },') }, config = ('return { zone = "UTC", adapters = { calendar = %s, docs = "folder" } }'):format(adapters) }
    return h:open()
  end

  it("find busy times, and put an event in once for its key", function()
    open('{ use = "ics", path = "work.ics" }', [[
      if input.step == "busy" then return ctx.skill.calendar { op = "busy", from = "2026-03-02T00:00:00Z", to = "2026-03-09T00:00:00Z" } end
      local made = ctx.skill.calendar { op = "create", key = "meeting:1", from = "2026-03-03T10:00:00Z", to = "2026-03-03T11:00:00Z", title = "Kickoff" }
      return { uid = made.uid }]])
    h:write("work.ics", calendar(event("UID:a", "DTSTART:20260302T090000Z", "DTEND:20260302T100000Z"), event("UID:b", "DTSTART:20260302T093000Z", "DTEND:20260302T113000Z"),
      event("UID:c", "DTSTART:20260304T093000Z", "DTEND:20260304T103000Z", "TRANSP:TRANSPARENT")))
    for _ = 1, 2 do assert.equal("done", h:run("a", { step = "make" }).state) end
    local busy = h:run("a", { step = "busy" }).output.busy
    assert.same({ { from = "2026-03-02T09:00:00.000Z", to = "2026-03-02T11:30:00.000Z" }, { from = "2026-03-03T10:00:00.000Z", to = "2026-03-03T11:00:00.000Z" } }, busy)
    assert.equal(1, select(2, h:read("work.ics"):gsub("UID:meeting:1@keel", "")))
  end)

  it("keep a calendar's permissions and the link that leads to it, and tell two keys apart", function()
    open('{ use = "ics", path = "work.ics" }', [[ local r, err = ctx.skill.calendar(input) return { ok = r ~= nil, err = err and err.code, why = r and r.unclear and r.unclear[1].why } ]])
    assert(file.mkdir(h.path .. "/synced"))
    assert(file.write(h.path .. "/synced/mine.ics", calendar(event("UID:o", "DTSTART:20260302T090000Z", "RRULE:FREQ=SECONDLY")), tonumber("600", 8)))
    assert(file.symlink("synced/mine.ics", h.path .. "/work.ics"))
    for _, key in ipairs { "a b", "a_b", "a%20b" } do
      assert.is_true(h:run("a", { op = "create", key = key, from = "2026-03-03T10:00:00Z", minutes = 30, title = "T" }).output.ok)
    end
    assert.equal(4, select(2, h:read("synced/mine.ics"):gsub("BEGIN:VEVENT", "")))
    assert.equal("synced/mine.ics", file.link(h.path .. "/work.ics"))
    assert.equal(tonumber("600", 8), select(3, file.stat(h.path .. "/synced/mine.ics")))
    assert.match("SECONDLY", h:run("a", { op = "busy", from = "2026-03-02T00:00:00Z", to = "2026-03-09T00:00:00Z" }).output.why)
    for _, wrong in ipairs { { op = "create", key = "w", from = "2026-03-03T10:00:00Z", to = "2026-03-03T10:00:00Z" }, { op = "create", key = "w", from = "tomorrow" }, { op = "create", key = "w" },
      { op = "busy", from = "2026-03-02T00:00:00Z", to = "2028-03-02T00:00:00Z" }, { op = "list", from = "2026-03-02T00:00:00Z" } } do
      assert.equal("failed", h:run("a", wrong).state)
    end
    h:write("synced/mine.ics", "no calendar")
    assert.same({ ok = false, err = "bad_response" }, h:run("a", { op = "create", key = "n", from = "2026-03-03T10:00:00Z" }).output)
    assert.equal("no calendar", h:read "synced/mine.ics")
  end)

  it("stay inside their folder, whatever the name and wherever a link leads", function()
    open('"outbox"', [[ local r, err = ctx.skill.docs(input) return { ok = r ~= nil, err = err and err.code, text = r and r.text } ]])
    assert(file.mkdir(h.path .. "/docs"))
    assert(file.mkdir(h.path .. "/secret"))
    h:write("secret/key", "s3cret")
    assert(file.symlink("../secret", h.path .. "/docs/out"))
    assert(file.symlink("../secret/key", h.path .. "/docs/note"))
    for _, name in ipairs { "../secret/key", "out/key", "note", "/etc/passwd", "a/../../secret/key", "", ".", "a\0b" } do
      local run = h:run("a", { op = "read", name = name })
      assert.equal("failed", run.state, name)
    end
    for _, name in ipairs { "out/new", "note", "../x" } do
      assert.equal("failed", h:run("a", { op = "write", name = name, text = "x" }).state, name)
    end
    assert.equal("s3cret", h:read "secret/key")
    assert.is_false(file.exists(h.path .. "/secret/new"))
    assert.is_true(h:run("a", { op = "create", key = "docs:P-1" }).output.ok)
    assert.equal("folder", file.kind(h.path .. "/docs/P-1"))
    assert.is_true(h:run("a", { op = "append", name = "log.md", text = "one", key = "k1" }).output.ok)
    assert.is_true(h:run("a", { op = "append", name = "log.md", text = "one", key = "k1" }).output.ok)
    assert.equal(1, select(2, h:read("docs/log.md"):gsub("one", "")))
    assert.is_true(h:run("a", { op = "delete_if_empty", key = "docs:P-1" }).output.ok)
    assert.is_nil(file.kind(h.path .. "/docs/P-1"))
  end)
end)

describe("pages from the web", function()
  local h
  after_each(function() h:remove() end)

  it("are asked for at listed hosts only, also behind a redirect", function()
    local fake = require("spec.support.fake_model").start()
    finally(function() fake:stop() end)
    h = home.make { agents = { a = home.agent([[ local r, err = ctx.skill.web { op = "get", url = input.url } return { ok = r ~= nil, code = err and err.code, status = r and r.status } ]],
      'uses = { "web" },') }, config = ('return { zone = "UTC", adapters = { web = { use = "fetch", hosts = { "127.0.0.1:%s" } } } }'):format(fake.port) }
    h:open()
    for _, url in ipairs { "http://evil.example/", "http://127.0.0.1:1/", "http://127.0.0.1/", "https://user@127.0.0.1:" .. fake.port, "file:///etc/passwd", "http://127.0.0.1:" .. fake.port .. "\\@evil.example/",
      "gopher://127.0.0.1:" .. fake.port, "http://[::1]:" .. fake.port .. "/" } do
      assert.same({ ok = false, code = "not_allowed" }, h:run("a", { url = url }).output, url)
    end
    local got = h:run("a", { url = "http://127.0.0.1:" .. fake.port .. "/nowhere" }).output
    assert.are_not.equal("not_allowed", got.code)
  end)
end)
