--- Calendars as files (RFC 5545): read into events, their occurrences in a span of time, and a
--- new event put in with everything that was there kept byte for byte.
--
--   local events = assert(ical.parse(text))
--   local list, unclear = ical.occurrences(events, from_ms, to_ms, "Europe/Lisbon")
--   text = ical.insert(text, { uid = "a@keel", from_ms =, to_ms =, title = "Kickoff", now_ms = })
--
-- Repeating events (ical_rule.lua), EXDATE, RDATE, and single occurrences that were moved
-- (RECURRENCE-ID). What is not understood is not passed over: its event counts as its first
-- occurrence, and is named in `unclear` with the reason.
local charset = require "charset"
local ical_rule = require "ical_rule"
local ical_zone = require "ical_zone"
local rfc3339 = require "rfc3339"
local zone = require "zone"

local ical = {}

--- What a calendar may cost: its bytes, its events, what is found in a span, and steps of rules.
local day_ms, most_bytes, most_events, most_occurrences, most_steps = 86400000, 8 << 20, 50000, 20000, 500000

-- Reading ------------------------------------------------------------------------------------

--- The lines of a text: where each begins and ends in it, its line end included, and what it
--- says. A line goes on where the next begins with a blank.
local function lines(text)
  local at = 1
  return function()
    if at > #text then return nil end
    local from, stop, is_folded = at, nil, false
    repeat
      stop = text:find("\n", at, true) or #text
      at = stop + 1
      local more = text:find("^[ \t]", at) ~= nil
      is_folded = is_folded or more
    until not more
    local says = text:sub(from, stop)
    if is_folded then says = says:gsub("\r?\n[ \t]", "") end
    return from, stop, (says:gsub("[\r\n]+$", ""))
  end
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

local many = { EXDATE = true, RDATE = true }

--- "BEGIN:VEVENT" -> "BEGIN", "VEVENT"; nothing for other lines.
local function bracket(says)
  local name, kind = says:match "^(%a+):%s*([%w%-]+)%s*$"
  name = name and name:upper()
  if name == "BEGIN" or name == "END" then return name, kind:upper() end
end

--- A line inside of an event, or of a zone.
local function take(event, says)
  local name, params, value = property(says)
  if not name then return end
  if many[name] then
    event[name] = event[name] or {}
    table.insert(event[name], { value, params })
  else
    event[name] = event[name] or { value, params }
  end
end

--- Where a calendar says itself which place a zone of its own is.
local function note_zone(zones, block)
  local name, place = block.TZID, block["X-LIC-LOCATION"]
  if name and place then zones[name[1]] = place[1] end
end

--- The events of a calendar, as { NAME = { value, params } }, EXDATE and RDATE lists of those, and
-- `zones`. Or nil, message.
function ical.parse(text)
  if #text > most_bytes then return nil, ("a calendar may have %d MiB"):format(most_bytes >> 20) end
  if not text:upper():find("BEGIN:VCALENDAR", 1, true) then return nil, "it is no calendar: BEGIN:VCALENDAR is missing" end
  local events, block, inside, inner = { zones = {} }, nil, nil, 0
  for _, _, says in lines(text) do
    local edge, kind = bracket(says)
    if not block then
      if edge == "BEGIN" and (kind == "VEVENT" or kind == "VTIMEZONE") then block, inside = {}, kind end
    elseif edge == "BEGIN" then
      inner = inner + 1 -- an alarm inside of it
    elseif edge == "END" and inner > 0 then
      inner = inner - 1
    elseif edge == "END" and kind == inside then
      if inside == "VEVENT" then events[#events + 1] = block else note_zone(events.zones, block) end
      if #events > most_events then return nil, ("a calendar may have %d events"):format(most_events) end
      block = nil
    elseif inner == 0 then
      take(block, charset.mend(says))
    end
  end
  if block then return nil, ("%s has no END"):format(inside) end
  return events
end

-- Times ---------------------------------------------------------------------------------------

--- Who reads times: { home = the zone of those that name none, zones = names met -> zone or false,
--- places = names -> place, odd = a name that nobody knows, met since it was last cleared }.
local function zone_of(reader, name)
  if not name then return reader.home end
  local known = reader.zones[name]
  if known == nil then
    known = ical_zone.open(reader.places[name] or name) or ical_zone.open(name) or false
    reader.zones[name] = known
  end
  if not known then reader.odd = name end
  return known or reader.home
end

--- A time as { day, ms of the day, zone or nil for UTC, date = it has no time }.
local function read_time(reader, value, params)
  local y, m, d, rest = value:match "^%s*(%d%d%d%d)(%d%d)(%d%d)(.*)$"
  if not y then return nil end
  y, m, d = math.tointeger(tonumber(y)), math.tointeger(tonumber(m)), math.tointeger(tonumber(d))
  if not rfc3339.valid_date(y, m, d) then return nil end
  local day = rfc3339.days(y, m, d)
  local h, mi, s, z = rest:match "^[Tt](%d%d)(%d%d)(%d?%d?)([Zz]?)%s*$"
  if not h then
    if rest:find "%S" then return nil end
    return { day = day, ms = 0, zone = zone_of(reader, params.TZID), date = true }
  end
  local ms = math.tointeger(tonumber(h) * 3600000 + tonumber(mi) * 60000 + (tonumber(s) or 0) * 1000)
  if ms >= day_ms then return nil end
  return { day = day, ms = ms, zone = z == "" and zone_of(reader, params.TZID) or nil }
end

local function instant(time, day)
  local local_ms = (day or time.day) * day_ms + time.ms
  return time.zone and math.tointeger(time.zone:instant(local_ms)) or local_ms
end

--- "P1DT2H30M" -> ms, or nil. Ten years at most.
local function duration(text)
  local sign, rest = text:match "^%s*([+-]?)P(.*)$"
  if not rest or sign == "-" then return nil end
  local ms, seen = 0, false
  for n, unit in rest:gmatch "(%d+)([WDHMS])" do
    local size = ({ W = 7 * day_ms, D = day_ms, H = 3600000, M = 60000, S = 1000 })[unit]
    ms, seen = math.min(ms + (#n < 10 and math.tointeger(tonumber(n)) * size or math.maxinteger >> 1), 3660 * day_ms), true
  end
  return seen and ms or nil
end

-- Occurrences -------------------------------------------------------------------------------------

--- How long an event takes: ms, or days where it is of whole days.
local function length_of(reader, event, start)
  local stop = event.DTEND and read_time(reader, event.DTEND[1], event.DTEND[2])
  local ms = not stop and event.DURATION and duration(event.DURATION[1])
  if start.date then return nil, math.max(1, stop and stop.day - start.day or ms and -(-ms // day_ms) or 1) end
  return stop and math.max(0, instant(stop) - instant(start)) or ms or 0
end

--- Each time of a property that may be there many times.
local function each_time(reader, list, fn)
  for _, one in ipairs(list or {}) do
    for value in one[1]:gmatch "[^,]+" do
      local time = read_time(reader, value:match "^[^/]*", one[2])
      if time then fn(time) end
    end
  end
end

local function upper_of(event, name) return event[name] and event[name][1]:upper() or "" end

--- Why an event is not understood in full, or nil; and its rule.
local function rule_of(reader, event, start)
  if not event.RRULE then return nil end
  local h = start.ms // 3600000
  local clock = { HOUR = h, MINUTE = start.ms // 60000 % 60, SECOND = start.ms // 1000 % 60 }
  local rule, why = ical_rule.read(event.RRULE[1], not start.date and clock or nil)
  if not rule then return "RRULE: " .. why end
  if rule.till then
    local zone_before = reader.home
    reader.home = start.zone or reader.home
    local till = read_time(reader, rule.till, {})
    reader.home = zone_before
    if not till then return "RRULE: UNTIL is no time" end
    rule.till = till.date and instant(till, till.day + 1) - 1 or instant(till)
  end
  return nil, rule
end

--- Add the occurrences of one event. False when a ceiling was reached; else true, and why it is not clear.
local function occur(search, event)
  local reader = search.reader
  reader.odd = nil
  local start = event.DTSTART and read_time(reader, event.DTSTART[1], event.DTSTART[2])
  if not start then return true, "DTSTART is no time" end
  local ms, days = length_of(reader, event, start)
  local uid, single = event.UID and event.UID[1] or "", event["RECURRENCE-ID"]
  local free = upper_of(event, "STATUS"):find "CANCELLED" ~= nil or upper_of(event, "TRANSP"):find "TRANSPARENT" ~= nil
  local title = event.SUMMARY and unescaped(event.SUMMARY[1]) or ""
  local left_out, met = {}, {}
  each_time(reader, event.EXDATE, function(time) left_out[instant(time)] = true end)
  local why, rule = rule_of(reader, event, start)
  local full = false
  local function add(time, day)
    local at = instant(time, day)
    if rule and rule.till and at > rule.till and day ~= start.day or at >= search.to_ms then return false end
    local to = days and instant(time, (day or time.day) + days) or at + ms
    local replaced = not single and search.moved[uid .. "\0" .. at]
    if math.max(to, at + 1) > search.from_ms and not left_out[at] and not replaced and not met[at] then
      met[at], full = true, #search.out >= most_occurrences
      if full then return false end
      table.insert(search.out, { from_ms = at, to_ms = to, uid = uid, title = title, free = free })
    end
    return true
  end
  local reach = (days or ms // day_ms + 1) + 2
  local function charge(n) search.steps = search.steps + n return search.steps <= most_steps end
  if not rule then add(start, start.day)
  elseif not ical_rule.each(rule, start.day, search.from_ms // day_ms - reach, search.to_ms // day_ms + 2, charge, function(day) return add(start, day) end) then
    return false
  end
  rule = nil
  each_time(reader, event.RDATE, function(time) add(time, time.day) end)
  if full then return false end
  why = why or single and upper_of({ R = { single[2].RANGE or "" } }, "R") == "THISANDFUTURE" and "RECURRENCE-ID: RANGE is not understood"
  return true, why or reader.odd and ("TZID: no zone named '%s'"):format(reader.odd:sub(1, 60)) or nil
end

--- The occurrences that touch [from, to), by their beginning: { from_ms, to_ms, uid, title, free },
-- and the events that are not understood in full: { uid, title, why }. Or nil, message.
-- `free`: it is cancelled, or does not make busy. `home` is the zone of times that name none.
function ical.occurrences(events, from_ms, to_ms, home_zone)
  local reader = { home = zone.open(home_zone) or assert(zone.open "UTC"), zones = {}, places = events.zones or {} }
  local search = { reader = reader, from_ms = from_ms, to_ms = to_ms, out = {}, moved = {}, steps = 0 }
  local unclear = {}
  for _, event in ipairs(events) do
    local id = event["RECURRENCE-ID"]
    local time = id and event.UID and read_time(reader, id[1], id[2])
    if time then search.moved[event.UID[1] .. "\0" .. instant(time)] = true end
  end
  for _, event in ipairs(events) do
    local ok, why = occur(search, event)
    if not ok then return nil, ("it repeats too much: %d occurrences in a span, and %d steps of rules, are the most"):format(most_occurrences, most_steps) end
    if why then unclear[#unclear + 1] = { uid = event.UID and event.UID[1] or "", title = event.SUMMARY and unescaped(event.SUMMARY[1]) or "", why = why } end
  end
  table.sort(search.out, function(a, b)
    if a.from_ms ~= b.from_ms then return a.from_ms < b.from_ms end
    return a.uid < b.uid
  end)
  return search.out, unclear
end

-- Writing ------------------------------------------------------------------------------------------

local function stamp(ms)
  return (rfc3339.format(ms):sub(1, 19):gsub("[-:]", "")) .. "Z"
end

local function escaped(text)
  return (text:gsub("\r", ""):gsub("[\\;,]", "\\%0"):gsub("\n", "\\n"):gsub("[%z\1-\8\11-\31]", " "))
end

--- A line of at most 75 bytes, then its rest on lines that begin with a blank; whole characters.
local function folded(line, line_end)
  local out, room = {}, 75
  while #line > room do
    local stop = room
    while stop > 1 and line:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
    out[#out + 1], line, room = line:sub(1, stop), line:sub(stop + 1), 74
  end
  out[#out + 1] = line
  return table.concat(out, line_end .. " ")
end

--- A calendar with nothing in it.
ical.empty = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Keel//EN\r\nEND:VCALENDAR\r\n"

--- Call fn for each line that is outside of events, and for each whole event.
-- fn(from, stop, says, uid): `says` is nil for an event, `uid` nil for a line.
local function each_part(text, fn)
  local began, uid, inner
  for from, stop, says in lines(text) do
    local edge, kind = bracket(says)
    if not began then
      if edge == "BEGIN" and kind == "VEVENT" then began, uid, inner = from, "", 0 else fn(from, stop, says) end
    elseif edge == "BEGIN" then inner = inner + 1
    elseif edge == "END" and inner > 0 then inner = inner - 1
    elseif edge == "END" and kind == "VEVENT" then
      fn(began, stop, nil, uid)
      began = nil
    elseif inner == 0 then
      local name, _, value = property(says)
      if name == "UID" and uid == "" then uid = value:gsub("%s+$", "") end
    end
  end
end

--- The text with an event put before its end: { uid, from_ms, to_ms, title, note, tentative, now_ms }.
-- Its lines end as those of the text do. Returns it, or nil, message.
function ical.insert(text, event)
  local at
  each_part(text, function(from, _, says)
    if says then
      local edge, kind = bracket(says)
      if edge == "END" and kind == "VCALENDAR" then at = from end
    end
  end)
  if not at then return nil, "it is no calendar: END:VCALENDAR is missing" end
  local out = { "BEGIN:VEVENT", "UID:" .. escaped(event.uid), "DTSTAMP:" .. stamp(event.now_ms), "DTSTART:" .. stamp(event.from_ms), "DTEND:" .. stamp(event.to_ms),
    "SUMMARY:" .. escaped(event.title or "") }
  if event.note and event.note ~= "" then out[#out + 1] = "DESCRIPTION:" .. escaped(event.note) end
  if event.tentative then out[#out + 1] = "STATUS:TENTATIVE" end
  out[#out + 1] = "END:VEVENT"
  local line_end = text:find("\n", 1, true) and not text:find("\r\n", 1, true) and "\n" or "\r\n"
  for i, line in ipairs(out) do out[i] = folded(line, line_end) end
  return text:sub(1, at - 1) .. table.concat(out, line_end) .. line_end .. text:sub(at)
end

--- The text without the events of that uid; everything else is as it was. Second value: how many went.
function ical.remove(text, uid)
  local out, at, gone = {}, 1, 0
  each_part(text, function(from, stop, _, own)
    if own == escaped(uid) then
      out[#out + 1] = text:sub(at, from - 1)
      at, gone = stop + 1, gone + 1
    end
  end)
  out[#out + 1] = text:sub(at)
  return table.concat(out), gone
end

return ical
