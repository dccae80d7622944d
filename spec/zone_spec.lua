local file = require "file"
local keel = require "spec.support.keel"
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

  it("knows since when and until when its offset holds", function()
    local york = assert(zone.open "America/New_York")
    assert.same({ start = at "2026-03-08T07:00:00Z", stop = at "2026-11-01T06:00:00Z", offset = -4 * 3600000,
      before = -5 * 3600000 }, york:span(at "2026-07-01T00:00:00Z"))
    -- where the list of the database ends and its rule begins
    assert.same({ start = at "2037-11-01T06:00:00Z", stop = at "2038-03-14T07:00:00Z", offset = -5 * 3600000,
      before = -4 * 3600000 }, york:span(at "2038-01-01T00:00:00Z"))
    assert.same({ start = at "2050-03-13T07:00:00Z", stop = at "2050-11-06T06:00:00Z", offset = -4 * 3600000,
      before = -5 * 3600000 }, york:span(at "2050-06-01T00:00:00Z"))
    local utc = zone.open "UTC"
    assert.same({ start = math.mininteger, stop = math.maxinteger, offset = 0 }, utc:span(0))
  end)

  --- A file of the tz database that has nothing but a rule.
  local function rule_file(rule)
    local block = "TZif2" .. ("\0"):rep(15) .. string.pack(">I4I4I4I4I4I4", 0, 0, 0, 0, 1, 4)
      .. string.pack(">i4BB", 0, 0, 0) .. "XXX\0"
    return block .. block .. "\n" .. rule .. "\n"
  end

  it("follows every form of a rule as the system does", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(file.mkdir(folder))
    local times = {}
    for i = 0, 1100 do times[i + 1] = "@" .. 2540000000 + i * 172800 + i * 61 end -- from 2050, six years
    assert(file.write(folder .. "/times", table.concat(times, "\n") .. "\n"))
    local ask = [[local z = assert(require("zone").open("Test"))
      for line in io.lines(arg[1]) do print(z:offset(math.tointeger(line:sub(2)) * 1000) // 60000) end]]
    for _, rule in ipairs { "EST5EDT,M3.2.0,M11.1.0", "IST-1GMT0,M10.5.0,M3.5.0/1", "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
      "AAA-3BBB,J60/0,J300/0", "AAA3BBB,59/2,J335/1:30", "AAA-10BBB-11,300,58/26", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
      "AAA-2", "XXX-2YYY,M3.4.4/50,M10.4.4/50" } do
      assert(file.write(folder .. "/Test", rule_file(rule)))
      local ours = keel({ "lua", "-e", ask, folder .. "/times" }, { env = "TZDIR=" .. folder })
      assert.equal(0, ours.code, ours.err)
      local pipe = assert(io.popen(("TZ='%s' date -f %s/times +%%z"):format(rule, folder)))
      local n = 0
      for got in ours.out:gmatch("(%S+)\n") do
        local sign, hours, minutes = pipe:read("l"):match("([+-])(%d%d)(%d%d)")
        n = n + 1
        assert.equal((sign == "-" and -1 or 1) * (hours * 60 + minutes), tonumber(got), rule .. " " .. times[n])
      end
      pipe:close()
      assert.equal(#times, n)
    end
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("takes a list that begins before there are milliseconds", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(file.mkdir(folder))
    local head = "TZif2" .. ("\0"):rep(15)
    local types = string.pack(">i4BBi4BB", 0, 0, 0, 3600, 0, 0) .. "XXX\0"
    assert(file.write(folder .. "/Test", head .. string.pack(">I4I4I4I4I4I4", 0, 0, 0, 0, 2, 4) .. types
      .. head .. string.pack(">I4I4I4I4I4I4", 0, 0, 0, 2, 2, 4) .. string.pack(">i8i8BB", -(1 << 59), 1000, 1, 0) .. types .. "\n\n"))
    local ask = [[local s = require("zone").open "Test":span(0); print(s.start == math.mininteger, s.stop, s.offset)]]
    assert.equal("true\t1000000\t3600000\n", keel({ "lua", "-e", ask }, { env = "TZDIR=" .. folder }).out)
    os.execute("rm -rf '" .. folder .. "'")
  end)

  it("refuses a file whose transitions are in no order", function()
    local folder = os.tmpname()
    os.remove(folder)
    assert(file.mkdir(folder))
    local ask = [[local z, message = require("zone").open "Test"; print(z and z:offset(1500000) or message)]]
    local function answer(first, second)
      assert(file.write(folder .. "/Test", "TZif\0" .. ("\0"):rep(15) .. string.pack(">I4I4I4I4I4I4", 0, 0, 0, 2, 2, 4)
        .. string.pack(">i4i4BB", first, second, 0, 1) .. string.pack(">i4BB", 0, 0, 0) .. string.pack(">i4BB", 3600, 0, 0)
        .. "XXX\0"))
      return keel({ "lua", "-e", ask }, { env = "TZDIR=" .. folder }).out
    end
    assert.equal("3600000\n", answer(500, 1000))
    assert.match("damaged", answer(1000, 500))
    assert.match("damaged", answer(1000, 1000))
    os.execute("rm -rf '" .. folder .. "'")
  end)
end)
