--- Calendars as files (RFC 5545): read into events, their occurrences in a span of time, and a
--- new event put in with everything that was there kept byte for byte.
--
--   local events = assert(ical.parse(text))
--   for _, one in ipairs(ical.occurrences(events, from_ms, to_ms, "Europe/Lisbon")) do print(one.from_ms, one.to_ms) end
--   text = ical.insert(text, { uid = "a@keel", from_ms =, to_ms =, title = "Kickoff", now_ms = })
--
-- Repeating events: FREQ DAILY, WEEKLY, MONTHLY, YEARLY with INTERVAL, COUNT, UNTIL, BYDAY and
-- BYMONTHDAY, EXDATE, and single occurrences that were moved (RECURRENCE-ID).
local rfc3339 = require "rfc3339"
local zone = require "zone"

local ical = {}

local day_ms, most_bytes, most_events, most_occurrences = 86400000, 8 << 20, 50000, 20000

-- Reading ------------------------------------------------------------------------------------

--- Lines as they are meant: a line that begins with a blank goes on from the one before.
local function unfolded(text)
  return (text:gsub("\r\n", "\n"):gsub("\n[ \t]", ""))
end

--- "DTSTART;TZID=Europe/Lisbon:20260305T100000" -> name, params, value; nil for what is none.
local function property(line)
  local name, at = line:match "^([%w%-]+)()"
  if not name then return nil end
  local params = {}
  while line:sub(at, at) == ";" do
    local key, quoted, stop = line:match('^;([%w%-]+)="([^"]*)"()', at)
    if not key then key, quoted, stop = line:match("^;([%w%-]+)=([^;:]*)()", at) end
    if not key then return nil end
    params[key:upper()], at = quoted, stop
  end
  if line:sub(at, at) ~= ":" then return nil end
  return name:upper(), params, line:sub(at + 1)
end

local function unescaped(text)
  return (text:gsub("\\(.)", function(c) return (c == "n" or c == "N") and "\n" or c end))
end

local many = { EXDATE = true }

--- The events of a calendar, as { NAME = { value, params } }, EXDATE a list of those. Or nil, message.
function ical.parse(text)
  if #text > most_bytes then return nil, ("a calendar may have %d MiB"):format(most_bytes >> 20) end
  if not text:upper():find("BEGIN:VCALENDAR", 1, true) then return nil, "it is no calendar: BEGIN:VCALENDAR is missing" end
  local events, event, inner = {}, nil, 0
  for line in unfolded(text):gmatch "[^\n]+" do
    local name, params, value = property(line)
    local kind = name and value:upper():gsub("%s+$", "")
    if name == "BEGIN" and kind == "VEVENT" and not event then
      event = {}
    elseif name == "BEGIN" and event then
      inner = inner + 1 -- an alarm inside of it
    elseif name == "END" and event and inner > 0 then
      inner = inner - 1
    elseif name == "END" and kind == "VEVENT" and event then
      events[#events + 1] = event
      if #events > most_events then return nil, ("a calendar may have %d events"):format(most_events) end
      event = nil
    elseif name and event and inner == 0 then
      if many[name] then
        event[name] = event[name] or {}
        table.insert(event[name], { value, params })
      else
        event[name] = event[name] or { value, params }
      end
    end
  end
  if event then return nil, "an event has no END:VEVENT" end
  return events
end

-- Times ---------------------------------------------------------------------------------------

local function open_zone(name, home)
  return name and zone.open(name) or home
end

--- A time as { day, ms of the day, zone or nil for UTC, date = it has no time }.
local function read_time(value, params, home)
  local y, m, d, rest = value:match "^%s*(%d%d%d%d)(%d%d)(%d%d)(.*)$"
  if not y then return nil end
  y, m, d = math.tointeger(tonumber(y)), math.tointeger(tonumber(m)), math.tointeger(tonumber(d))
  if not rfc3339.valid_date(y, m, d) then return nil end
  local day = rfc3339.days(y, m, d)
  local h, mi, s, z = rest:match "^[Tt](%d%d)(%d%d)(%d?%d?)([Zz]?)"
  if not h then return { day = day, ms = 0, zone = open_zone(params.TZID, home), date = true } end
  local ms = (tonumber(h) * 3600 + tonumber(mi) * 60 + (tonumber(s) or 0)) * 1000 // 1
  if ms >= day_ms then return nil end
  return { day = day, ms = math.tointeger(ms), zone = z == "" and open_zone(params.TZID, home) or nil }
end

local function instant(time, day)
  local local_ms = (day or time.day) * day_ms + time.ms
  return time.zone and math.tointeger(time.zone:instant(local_ms)) or local_ms
end

--- "P1DT2H30M" -> ms, or nil.
local function duration(text)
  local sign, rest = text:match "^%s*([+-]?)P(.*)$"
  if not rest then return nil end
  local ms, seen = 0, false
  for n, unit in rest:gmatch "(%d+)([WDHMS])" do
    local size = ({ W = 7 * day_ms, D = day_ms, H = 3600000, M = 60000, S = 1000 })[unit]
    ms, seen = ms + math.tointeger(tonumber(n)) * size, true
  end
  if not seen or sign == "-" then return nil end
  return ms
end

-- Repeating --------------------------------------------------------------------------------------

local weekdays = { MO = 0, TU = 1, WE = 2, TH = 3, FR = 4, SA = 5, SU = 6 }

local function weekday(day) return (day + 3) % 7 end

local function rule_of(text, start, home)
  local rule = { interval = 1, by_day = {}, by_month_day = {} }
  for key, value in text:gmatch "([%w%-]+)=([^;]*)" do
    key = key:upper()
    if key == "FREQ" then rule.freq = value:upper()
    elseif key == "INTERVAL" then rule.interval = math.max(1, math.tointeger(tonumber(value)) or 1)
    elseif key == "COUNT" then rule.count = math.tointeger(tonumber(value))
    elseif key == "UNTIL" then
      local till = read_time(value, {}, start.zone or home)
      rule.till = till and (till.date and instant(till) + day_ms - 1 or instant(till))
    elseif key == "BYDAY" then
      for n, name in value:upper():gmatch "([+-]?%d*)(%u%u)" do
        if weekdays[name] then rule.by_day[#rule.by_day + 1] = { weekdays[name], math.tointeger(tonumber(n)) } end
      end
    elseif key == "BYMONTHDAY" then
      for n in value:gmatch "[+-]?%d+" do rule.by_month_day[#rule.by_month_day + 1] = math.tointeger(tonumber(n)) end
    end
  end
  return rule
end

local function month_length(y, m) return rfc3339.days(m == 12 and y + 1 or y, m % 12 + 1, 1) - rfc3339.days(y, m, 1) end

--- The days of a month that a rule means.
local function days_of_month(rule, y, m, own)
  local first, length, list = rfc3339.days(y, m, 1), month_length(y, m), {}
  for _, n in ipairs(rule.by_month_day) do
    local d = n < 0 and length + 1 + n or n
    if d >= 1 and d <= length then list[#list + 1] = first + d - 1 end
  end
  for _, one in ipairs(rule.by_day) do
    local days = {}
    for day = first, first + length - 1 do
      if weekday(day) == one[1] then days[#days + 1] = day end
    end
    if one[2] then list[#list + 1] = days[one[2] < 0 and #days + 1 + one[2] or one[2]] else table.move(days, 1, #days, #list + 1, list) end
  end
  if #rule.by_month_day == 0 and #rule.by_day == 0 and own <= length then list[1] = first + own - 1 end
  table.sort(list)
  return list
end

--- The days of the n-th period (from 0) of a rule that began on a day.
local periods = {}

function periods.DAILY(rule, start, n)
  local day = start + n * rule.interval
  for _, one in ipairs(rule.by_day) do
    if weekday(day) == one[1] then return { day } end
  end
  return #rule.by_day == 0 and { day } or {}
end

function periods.WEEKLY(rule, start, n)
  local monday, list = start - weekday(start) + n * 7 * rule.interval, {}
  for _, one in ipairs(rule.by_day) do list[#list + 1] = monday + one[1] end
  if #list == 0 then list[1] = monday + weekday(start) end
  table.sort(list)
  return list
end

function periods.MONTHLY(rule, start, n)
  local y, m, d = rfc3339.date(start)
  local months = y * 12 + m - 1 + n * rule.interval
  return days_of_month(rule, months // 12, months % 12 + 1, d)
end

function periods.YEARLY(rule, start, n)
  local y, m, d = rfc3339.date(start)
  y = y + n * rule.interval
  return days_of_month(rule, y, m, d)
end

--- Call fn(day) for the days of a rule in order, until it returns false or there are no more.
local function each_day(rule, start, fn)
  local period, count = periods[rule.freq], 0
  if not period then return fn(start) end
  for n = 0, most_occurrences do
    for _, day in ipairs(period(rule, start, n)) do
      if day >= start then
        count = count + 1
        if rule.count and count > rule.count or count > most_occurrences or not fn(day) then return end
      end
    end
  end
end

-- Occurrences -------------------------------------------------------------------------------------

--- How long an event takes, in ms.
local function length_of(event, start, home)
  if event.DTEND then
    local stop = read_time(event.DTEND[1], event.DTEND[2], home)
    if stop then return math.max(0, instant(stop) - instant(start)) end
  end
  return event.DURATION and duration(event.DURATION[1]) or start.date and day_ms or 0
end

--- The instants that are left out: { [ms] = true }.
local function exceptions(event, home)
  local out = {}
  for _, one in ipairs(event.EXDATE or {}) do
    for value in one[1]:gmatch "[^,]+" do
      local time = read_time(value, one[2], home)
      if time then out[instant(time)] = true end
    end
  end
  return out
end

--- The occurrences that touch [from, to), by their beginning: { from_ms, to_ms, uid, title, free }.
-- `free`: it is cancelled, or does not make busy. `home` is the zone of times that name none.
function ical.occurrences(events, from_ms, to_ms, home_zone)
  local home, out, moved = zone.open(home_zone) or assert(zone.open "UTC"), {}, {}
  for _, event in ipairs(events) do
    local id = event["RECURRENCE-ID"]
    local time = id and event.UID and read_time(id[1], id[2], home)
    if time then moved[event.UID[1] .. "\0" .. instant(time)] = true end
  end
  for _, event in ipairs(events) do
    local start = event.DTSTART and read_time(event.DTSTART[1], event.DTSTART[2], home)
    if start then
      local length, left_out, uid = length_of(event, start, home), exceptions(event, home), event.UID and event.UID[1] or ""
      local free = (event.STATUS and event.STATUS[1]:upper():find "CANCELLED" or event.TRANSP and event.TRANSP[1]:upper():find "TRANSPARENT") and true or false
      local rule = event.RRULE and rule_of(event.RRULE[1], start, home) or {}
      local single = event["RECURRENCE-ID"] ~= nil
      each_day(rule, start.day, function(day)
        local at = instant(start, day)
        if rule.till and at > rule.till or at >= to_ms or #out >= most_occurrences then return false end
        local replaced = not single and moved[uid .. "\0" .. at]
        if at + math.max(length, 1) > from_ms and not left_out[at] and not replaced then
          out[#out + 1] = { from_ms = at, to_ms = at + length, uid = uid, title = event.SUMMARY and unescaped(event.SUMMARY[1]) or "", free = free }
        end
        return rule.freq ~= nil
      end)
    end
  end
  table.sort(out, function(a, b)
    if a.from_ms ~= b.from_ms then return a.from_ms < b.from_ms end
    return a.uid < b.uid
  end)
  return out
end

-- Writing ------------------------------------------------------------------------------------------

local function stamp(ms)
  return (rfc3339.format(ms):sub(1, 19):gsub("[-:]", "")) .. "Z"
end

local function escaped(text)
  return (text:gsub("\r", ""):gsub("[\\;,]", "\\%0"):gsub("\n", "\\n"):gsub("[%z\1-\8\11-\31]", " "))
end

--- A line of at most 75 bytes, then its rest on lines that begin with a blank; whole characters.
local function folded(line)
  local out, room = {}, 75
  while #line > room do
    local stop = room
    while stop > 1 and line:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
    out[#out + 1], line, room = line:sub(1, stop), line:sub(stop + 1), 74
  end
  out[#out + 1] = line
  return table.concat(out, "\r\n ")
end

--- A calendar with nothing in it.
ical.empty = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Keel//EN\r\nEND:VCALENDAR\r\n"

--- The text with an event put before its end: { uid, from_ms, to_ms, title, note, tentative, now_ms }.
-- Returns it, or nil, message.
function ical.insert(text, event)
  local at
  for from in text:gmatch "()[Ee][Nn][Dd]:[Vv][Cc][Aa][Ll][Ee][Nn][Dd][Aa][Rr]" do at = from end
  if not at then return nil, "it is no calendar: END:VCALENDAR is missing" end
  local lines = { "BEGIN:VEVENT", "UID:" .. escaped(event.uid), "DTSTAMP:" .. stamp(event.now_ms), "DTSTART:" .. stamp(event.from_ms), "DTEND:" .. stamp(event.to_ms),
    "SUMMARY:" .. escaped(event.title or "") }
  if event.note and event.note ~= "" then lines[#lines + 1] = "DESCRIPTION:" .. escaped(event.note) end
  if event.tentative then lines[#lines + 1] = "STATUS:TENTATIVE" end
  lines[#lines + 1] = "END:VEVENT"
  for i, line in ipairs(lines) do lines[i] = folded(line) end
  return text:sub(1, at - 1) .. table.concat(lines, "\r\n") .. "\r\n" .. text:sub(at)
end

--- The text without the events of that uid; everything else is as it was. Second value: how many went.
function ical.remove(text, uid)
  local out, at, gone = {}, 1, 0
  while true do
    local from, stop = text:upper():find("BEGIN:VEVENT", at, true)
    if not from then break end
    local _, last = text:upper():find("END:VEVENT\r?\n?", stop)
    if not last then break end
    local block = unfolded(text:sub(from, last))
    local own = block:match "\n[Uu][Ii][Dd][^:\n]*:([^\n]*)"
    local mine = own and own:gsub("%s+$", "") == escaped(uid)
    out[#out + 1] = text:sub(at, mine and from - 1 or last)
    gone, at = gone + (mine and 1 or 0), last + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out), gone
end

return ical
