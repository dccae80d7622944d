--- The civil time of a zone, from the system's tz database.
--
--   local z = assert(zone.open("Europe/Lisbon"))
--   z:offset(ms)           --> milliseconds east of UTC at that instant
--   z:start("day", ms)     --> the instant at which that local day began
--
-- A file of the database (RFC 8536) has a list of transitions and, for the time
-- after the last one, a rule such as "WET0WEST,M3.5.0/1,M10.5.0".
local rfc3339 = require "rfc3339"

local zone = {}
zone.__index = zone

local day_ms = 86400000

-- ---- the rule after the last transition --------------------------------------

--- "-3:30" -> seconds; POSIX counts westward, so callers negate.
local function clock_seconds(text)
  local sign, h, m, s = text:match("^([+-]?)(%d+):?(%d*):?(%d*)$")
  if not h then return nil end
  local seconds = tonumber(h) * 3600 + (tonumber(m) or 0) * 60 + (tonumber(s) or 0)
  return math.tointeger(sign == "-" and -seconds or seconds)
end

local function parse_rule_day(text)
  local month, week, day, time = text:match("^M(%d+)%.(%d)%.(%d)/?([%d:+-]*)$")
  if not month then return nil end
  return { month = math.tointeger(tonumber(month)), week = math.tointeger(tonumber(week)),
    day = math.tointeger(tonumber(day)), seconds = time == "" and 7200 or clock_seconds(time) }
end

local function parse_rule(text)
  local name = "%a+"
  local rest = text:gsub("<[^>]*>", "XXX")
  local standard, summer, shift, from, to = rest:match("^" .. name .. "([%d:+-]+)(" .. name .. ")([%d:+-]*),([^,]+),([^,]+)$")
  if not standard then
    local only = rest:match("^" .. name .. "([%d:+-]+)$")
    return { standard = only and -clock_seconds(only) or 0 }
  end
  local rule = { standard = -clock_seconds(standard) }
  rule.from, rule.to = parse_rule_day(from), parse_rule_day(to)
  rule.summer = shift ~= "" and -clock_seconds(shift) or rule.standard + 3600
  if not summer or not rule.from or not rule.to then return { standard = rule.standard } end
  return rule
end

--- Seconds of the local wall clock at which a rule's day comes in a year.
local function rule_seconds(at, year)
  local first = rfc3339.days(year, at.month, 1)
  -- 1970-01-01 was a Thursday, which is 4
  local day = first + (at.day - (first + 4)) % 7 + (at.week - 1) * 7
  local next_month = at.month == 12 and rfc3339.days(year + 1, 1, 1) or rfc3339.days(year, at.month + 1, 1)
  while day >= next_month do day = day - 7 end
  return day * 86400 + at.seconds
end

local function rule_offset(rule, seconds)
  if not rule.from then return rule.standard end
  local year = rfc3339.date((seconds + rule.standard) // 86400)
  local from = rule_seconds(rule.from, year) - rule.standard
  local to = rule_seconds(rule.to, year) - rule.summer
  local summer
  if from < to then
    summer = seconds >= from and seconds < to
  else
    summer = seconds >= from or seconds < to
  end
  return summer and rule.summer or rule.standard
end

-- ---- the file ------------------------------------------------------------------

local function header(bytes, at)
  local utc, std, leap, times, types, chars = string.unpack(">I4I4I4I4I4I4", bytes, at + 20)
  return { utc = utc, std = std, leap = leap, times = times, types = types, chars = chars }
end

local function block_size(h, width)
  return h.times * (width + 1) + h.types * 6 + h.chars + h.leap * (width + 4) + h.std + h.utc
end

local function parse(bytes)
  if bytes:sub(1, 4) ~= "TZif" then return nil end
  local h, width, at = header(bytes, 1), 4, 45
  local version = bytes:sub(5, 5)
  if version >= "2" then
    at = at + block_size(h, 4)
    h, width = header(bytes, at), 8
    at = at + 44
  end
  local z = { times = {}, offsets = {} }
  local types_at = at + h.times * (width + 1)
  local function offset_of(index) return (string.unpack(">i4", bytes, types_at + index * 6)) end
  for i = 0, h.times - 1 do
    z.times[i + 1] = string.unpack(">i" .. width, bytes, at + i * width)
    z.offsets[i + 1] = offset_of(bytes:byte(at + h.times * width + i))
  end
  z.first = offset_of(0)
  local footer = width == 8 and bytes:sub(at + block_size(h, width)):match("^\n([^\n]*)\n")
  z.rule = footer and footer ~= "" and parse_rule(footer) or nil
  return z
end

-- ---- faces ----------------------------------------------------------------------

--- The zone of a name; nil, message when the database has none ("UTC" always is).
function zone.open(name)
  if name == nil or name == "UTC" then return setmetatable({ times = {}, offsets = {}, first = 0 }, zone) end
  if name:find("..", 1, true) or not name:find("^%a[%w_+/-]*$") then return nil, "no zone named " .. name end
  local file = io.open((os.getenv("TZDIR") or "/usr/share/zoneinfo") .. "/" .. name, "rb")
  if not file then return nil, "no zone named " .. name end
  local bytes = file:read("a")
  file:close()
  local ok, z = pcall(parse, bytes or "")
  if not ok or not z then return nil, "the tz database's file for " .. name .. " is damaged" end
  return setmetatable(z, zone)
end

--- Milliseconds east of UTC at an instant.
function zone:offset(ms)
  local seconds, times = ms // 1000, self.times
  local n = #times
  if n == 0 or seconds < times[1] then
    return (n == 0 and self.rule and rule_offset(self.rule, seconds) or self.first) * 1000
  end
  if seconds >= times[n] and self.rule then return rule_offset(self.rule, seconds) * 1000 end
  local low, high = 1, n
  while low < high do
    local middle = (low + high + 1) // 2
    if times[middle] <= seconds then low = middle else high = middle - 1 end
  end
  return self.offsets[low] * 1000
end

--- The first instant at which the local clock shows `local_ms` or later.
function zone:instant(local_ms)
  local early = local_ms - self:offset(local_ms - day_ms)
  local late = local_ms - self:offset(local_ms + day_ms)
  if late < early then early, late = late, early end
  if early + self:offset(early) >= local_ms then return early end
  return late
end

--- The instant at which the window that holds `ms` began: "s", "min", "hour", "day",
-- "month"; 0 for "run", which has no start.
function zone:start(window, ms)
  if window == "run" then return 0 end
  if window == "s" then return ms // 1000 * 1000 end
  if window == "min" then return ms // 60000 * 60000 end
  local offset = self:offset(ms)
  local here = ms + offset
  if window == "hour" then return here // 3600000 * 3600000 - offset end
  if window == "day" then return self:instant(here // day_ms * day_ms) end
  if window ~= "month" then error("no window named " .. tostring(window), 2) end
  local year, month = rfc3339.date(here // day_ms)
  return self:instant(rfc3339.days(year, month, 1) * day_ms)
end

return zone
