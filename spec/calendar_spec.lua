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
