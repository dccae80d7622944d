--- The civil time of a zone, from the system's tz database.
--
--   local z = assert(zone.open("Europe/Lisbon"))
--   z:offset(ms)           --> milliseconds east of UTC at that instant
--   z:start("day", ms)     --> the instant at which that local day began
--   z:span(ms)             --> since when and until when that offset holds
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

--- The three forms of POSIX: "M3.5.0" (the last Sunday of March), "J60" (the 60th day,
--- 29 February not counted), "59" (counted from 0, 29 February too); each with "/time",
--- which may be negative or beyond 24 hours.
local function parse_rule_day(text)
  local day, time = text:match("^([^/]+)/?([%d:+-]*)$")
  local at = { seconds = 7200 }
  if time ~= "" then at.seconds = time and clock_seconds(time) end
  if not at.seconds then return nil end
  local month, week, weekday = day:match("^M(%d+)%.(%d)%.(%d)$")
  if month then
    at.month, at.week, at.day = math.tointeger(tonumber(month)), math.tointeger(tonumber(week)),
      math.tointeger(tonumber(weekday))
    return at
  end
  at.julian = day:sub(1, 1) == "J"
  at.number = math.tointeger(tonumber(day:match("^J?(%d+)$")))
  return at.number and at
end

--- "EST5EDT,M3.2.0,M11.1.0" -> { standard, summer, from, to }: seconds east of UTC, and
--- when summer begins and ends. "Summer" is what the rule names second: in Dublin it is
--- the winter, an hour behind.
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

local function is_leap(year)
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end

--- Seconds of the local wall clock at which a rule's day comes in a year.
local function rule_seconds(at, year)
  if at.number then
    local first = rfc3339.days(year, 1, 1)
    local day = first + at.number
    if at.julian and not (is_leap(year) and at.number >= 60) then day = day - 1 end
    return day * 86400 + at.seconds
  end
  local first = rfc3339.days(year, at.month, 1)
  -- 1970-01-01 was a Thursday, which is 4
  local day = first + (at.day - (first + 4)) % 7 + (at.week - 1) * 7
  local next_month = at.month == 12 and rfc3339.days(year + 1, 1, 1) or rfc3339.days(year, at.month + 1, 1)
  while day >= next_month do day = day - 7 end
  return day * 86400 + at.seconds
end

--- The changes that a rule makes around an instant, in order: { seconds, offset } each.
-- Three years hold all that can matter to the one in the middle.
local function rule_changes(rule, seconds)
  if not rule.from then return {} end
  local year = rfc3339.date((seconds + rule.standard) // 86400)
  local list = {}
  for y = year - 1, year + 1 do
    list[#list + 1] = { rule_seconds(rule.from, y) - rule.standard, rule.summer }
    list[#list + 1] = { rule_seconds(rule.to, y) - rule.summer, rule.standard }
  end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
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
  z.first = offset_of(0)
  for i = 0, h.times - 1 do
    local offset, n = offset_of(bytes:byte(at + h.times * width + i)), #z.times
    -- a new name for the same offset is no change
    if offset ~= (z.offsets[n] or z.first) then
      z.times[n + 1], z.offsets[n + 1] = string.unpack(">i" .. width, bytes, at + i * width), offset
    end
    local time = string.unpack(">i" .. width, bytes, at + i * width)
    if z.last and time <= z.last then return nil end -- what is found by halves must be in order
    z.last = time
  end
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

--- The span of unchanged offset that holds `seconds`, by the database's list.
local function span_of_list(self, seconds)
  local times, low, high = self.times, 0, #self.times
  while low < high do
    local middle = (low + high + 1) // 2
    if times[middle] <= seconds then low = middle else high = middle - 1 end
  end
  return { start = times[low] or math.mininteger, stop = times[low + 1] or math.maxinteger,
    offset = self.offsets[low] or self.first, before = low > 0 and (self.offsets[low - 1] or self.first) or nil }
end

--- The same where the rule counts: after the last change that the list has.
local function span_of_rule(self, seconds)
  local span = self.last and span_of_list(self, self.last)
    or { start = math.mininteger, offset = self.rule.standard }
  span.stop = math.maxinteger
  for _, change in ipairs(rule_changes(self.rule, seconds)) do
    local at, offset = change[1], change[2]
    if self.last and at <= self.last or offset == span.offset then goto next end
    if at > seconds then
      span.stop = at
      break
    end
    span.start, span.before, span.offset = at, span.offset, offset
    ::next::
  end
  return span
end

local function contains(span, seconds) return seconds >= span.start and seconds < span.stop end

--- In seconds; the one asked last is kept, for the next question is mostly about it.
local function span_at(self, seconds)
  local span = self.span_kept
  if span and contains(span, seconds) then return span end
  if self.rule and (not self.last or seconds >= self.last) then
    span = span_of_rule(self, seconds)
  else
    span = span_of_list(self, seconds)
    -- the rule may end what the list began
    if self.rule and span.stop == math.maxinteger and self.last then
      span.stop = span_of_rule(self, self.last).stop
    end
  end
  self.span_kept = span
  return span
end

local function milliseconds(seconds)
  -- some databases begin their lists at the big bang
  if seconds < math.mininteger // 1000 + 1 then return math.mininteger end
  if seconds > math.maxinteger // 1000 then return math.maxinteger end
  return seconds * 1000
end

--- How long the offset stays what it is around an instant: { start, stop, offset,
--- before }, all in milliseconds; `offset` holds from start until before stop, `before`
--- is the one that start ended (nil for the first span there is). Not to be changed.
function zone:span(ms)
  local span = span_at(self, ms // 1000)
  if not span.in_ms then
    span.in_ms = { start = milliseconds(span.start), stop = milliseconds(span.stop), offset = span.offset * 1000,
      before = span.before and span.before * 1000 }
  end
  return span.in_ms
end

--- Milliseconds east of UTC at an instant.
function zone:offset(ms)
  return span_at(self, ms // 1000).offset * 1000
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
