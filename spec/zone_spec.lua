local rfc3339 = require "rfc3339"
local zone = require "zone"

local function at(text) return assert(rfc3339.parse(text)) end

describe("a zone", function()
  it("knows its offset before, in and after the transitions of the database", function()
    local lisbon = assert(zone.open "Europe/Lisbon")
    assert.equal(0, lisbon:offset(at "2026-01-15T12:00:00Z"))
    assert.equal(3600000, lisbon:offset(at "2026-07-15T12:00:00Z"))
    assert.equal(0, lisbon:offset(at "2026-03-29T00:59:59Z"))
    assert.equal(3600000, lisbon:offset(at "2026-03-29T01:00:00Z"))
    -- beyond the last transition, by the rule
    assert.equal(3600000, lisbon:offset(at "2061-07-15T12:00:00Z"))
    assert.equal(0, lisbon:offset(at "2061-12-15T12:00:00Z"))
  end)

  it("agrees with the system's date", function()
    for _, name in ipairs { "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo",
      "Asia/Tehran", "Pacific/Apia", "Africa/Casablanca" } do
      local z = assert(zone.open(name))
      for _, text in ipairs { "1999-02-03T04:05:06Z", "2011-12-30T12:00:00Z", "2026-04-01T00:30:00Z",
        "2026-11-01T06:30:00Z", "2040-07-01T00:00:00Z" } do
        local pipe = assert(io.popen(("TZ=%s date -d %s +%%z"):format(name, text)))
        local sign, h, m = pipe:read("l"):match("([+-])(%d%d)(%d%d)")
        pipe:close()
        local want = (tonumber(h) * 60 + tonumber(m)) * 60000 * (sign == "-" and -1 or 1)
        assert.equal(want, z:offset(at(text)), name .. " " .. text)
      end
    end
  end)

  it("begins days and months by the local clock", function()
    local york = assert(zone.open "America/New_York")
    local now = at "2026-03-09T02:30:00Z"          -- the evening of March 8, clocks went forward
    assert.equal(at "2026-03-08T05:00:00Z", york:start("day", now))
    assert.equal(at "2026-03-01T05:00:00Z", york:start("month", now))
    assert.equal(at "2026-03-09T04:00:00Z", york:start("day", at "2026-03-09T12:00:00Z"))
    local kathmandu = assert(zone.open "Asia/Kathmandu")
    assert.equal(at "2026-03-09T02:15:00Z", kathmandu:start("hour", now))
    assert.equal(at "2026-03-09T02:30:00Z", kathmandu:start("min", now + 59999))
  end)

  it("begins a day whose midnight does not exist, and one that has two", function()
    local sao = assert(zone.open "America/Sao_Paulo")
    assert.equal(at "2018-11-04T03:00:00Z", sao:start("day", at "2018-11-04T12:00:00Z"))
    local azores = assert(zone.open "Atlantic/Azores")      -- 1:00 back to 0:00
    assert.equal(at "2026-10-25T00:00:00Z", azores:start("day", at "2026-10-25T12:00:00Z"))
    local apia = assert(zone.open "Pacific/Apia")           -- the day that was skipped
    assert.equal(at "2011-12-30T10:00:00Z", apia:start("day", at "2011-12-30T12:00:00Z"))
  end)

  it("is UTC without a name, and refuses names that are none", function()
    assert.equal(at "2026-03-09T00:00:00Z", zone.open():start("day", at "2026-03-09T12:00:00Z"))
    for _, name in ipairs { "Europe/Lissabon", "../../etc/passwd", "", "zone.tab" } do
      assert.is_nil((zone.open(name)))
    end
  end)
end)
