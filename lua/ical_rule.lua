--- When a repeating event of a calendar comes again (RRULE of RFC 5545), by days: days are counted
--- from 1970 (rfc3339.days), what time it is then is the event's matter.
--
--   local rule, why = ical_rule.read("FREQ=MONTHLY;BYDAY=-1FR;COUNT=5")
--   ical_rule.each(rule, start, from, to, charge, function(day) return true end)
--
-- FREQ is DAILY, WEEKLY, MONTHLY or YEARLY; with INTERVAL, COUNT, UNTIL, WKST, BYDAY, BYMONTHDAY,
-- BYMONTH and BYSETPOS. A rule with anything else is refused as a whole: half a rule is a wrong one.
local rfc3339 = require "rfc3339"

local ical_rule = {}

local weekdays = { MO = 0, TU = 1, WE = 2, TH = 3, FR = 4, SA = 5, SU = 6 }

local function weekday(day) return (day + 3) % 7 end

-- Reading -------------------------------------------------------------------------------------

local function whole(text, least, most)
  local n = text:match "^[+-]?%d+$" and #text < 10 and math.tointeger(tonumber(text))
  return n and n >= least and n <= most and n or nil
end

--- "1,-1" -> { 1, -1 }; nil for what is none.
local function wholes(text, least, most)
  local list = {}
  for part in (text .. ","):gmatch "([^,]*)," do
    local n = whole(part, least, most)
    if not n or n == 0 then return nil end
    list[#list + 1] = n
  end
  return list
end

local function set(list)
  local out = {}
  for _, n in ipairs(list or {}) do out[n] = true end
  return list and out
end

local readers = {}

function readers.FREQ(rule, value)
  rule.freq = ({ DAILY = true, WEEKLY = true, MONTHLY = true, YEARLY = true })[value] and value
  return rule.freq
end

function readers.INTERVAL(rule, value) rule.interval = whole(value, 1, 100000) return rule.interval end
function readers.COUNT(rule, value) rule.count = whole(value, 1, 999999999) return rule.count end
function readers.UNTIL(rule, value) rule.till = value return value:find "^%d%d%d%d%d%d%d%d" end
function readers.WKST(rule, value) rule.week_start = weekdays[value] return rule.week_start end
function readers.BYMONTH(rule, value) rule.months = set(wholes(value, 1, 12)) return rule.months end
function readers.BYMONTHDAY(rule, value) rule.month_days = wholes(value, -31, 31) return rule.month_days end
function readers.BYSETPOS(rule, value) rule.positions = wholes(value, -366, 366) return rule.positions end

function readers.BYDAY(rule, value)
  rule.days = {}
  for part in (value .. ","):gmatch "([^,]*)," do
    local n, name = part:match "^([+-]?%d*)(%u%u)$"
    if not weekdays[name] then return nil end
    local which = n ~= "" and whole(n, -53, 53) or nil
    if n ~= "" and (not which or which == 0) then return nil end
    rule.days[#rule.days + 1] = { weekdays[name], which }
  end
  return true
end

--- A rule, or nil and why it is not understood. `clock` is the time of day of the event, { HOUR =,
-- MINUTE =, SECOND = }: BYHOUR and its like may only say it again. `till` is as UNTIL says it.
function ical_rule.read(text, clock)
  local rule = { interval = 1, week_start = 0 }
  for part in text:upper():gmatch "[^;]+" do
    local key, value = part:match "^%s*(%u+)%s*=%s*(.-)%s*$"
    if not key then return nil, ("'%s' is no part of a rule"):format(part:sub(1, 60)) end
    local again = key:match "^BY(.+)$"
    if not (clock and again and clock[again] and whole(value, 0, 60) == clock[again]) then
      if not readers[key] then return nil, key .. " is not understood" end
      if not readers[key](rule, value) then return nil, ("%s=%s is not understood"):format(key, value:sub(1, 60)) end
    end
  end
  if not rule.freq then return nil, "it has no FREQ" end
  return rule
end

-- Days --------------------------------------------------------------------------------------------

local function month_length(y, m) return rfc3339.days(m == 12 and y + 1 or y, m % 12 + 1, 1) - rfc3339.days(y, m, 1) end

local function is_named(days, day)
  for _, one in ipairs(days) do
    if one[1] == weekday(day) then return true end
  end
  return false
end

--- The days from first to last that BYDAY means: all of a weekday, or the n-th of them.
local function named_days(days, first, last, list)
  for _, one in ipairs(days) do
    local from, to = first + (one[1] - weekday(first)) % 7, last - (weekday(last) - one[1]) % 7
    if not one[2] then
      for day = from, to, 7 do list[#list + 1] = day end
    else
      local day = one[2] > 0 and from + 7 * (one[2] - 1) or to + 7 * (one[2] + 1)
      if day >= first and day <= last then list[#list + 1] = day end
    end
  end
end

--- The days of a month; `own` is the day of the month that the event began on.
local function days_of_month(rule, y, m, own, list)
  local first, length = rfc3339.days(y, m, 1), month_length(y, m)
  if rule.month_days then
    for _, n in ipairs(rule.month_days) do
      local day = n < 0 and first + length + n or first + n - 1
      if day >= first and day < first + length and (not rule.days or is_named(rule.days, day)) then list[#list + 1] = day end
    end
  elseif rule.days then
    named_days(rule.days, first, first + length - 1, list)
  elseif own <= length then
    list[#list + 1] = first + own - 1
  end
end

--- freq -> { begins(rule, start, n), the first day of the n-th period; days(rule, start, n, list) }
local periods = {}

periods.DAILY = { begins = function(rule, start, n) return start + n * rule.interval end,
  days = function(rule, start, n, list)
    local day = start + n * rule.interval
    local y, m, d = rfc3339.date(day)
    if rule.months and not rule.months[m] or rule.days and not is_named(rule.days, day) then return end
    if rule.month_days then
      local length = month_length(y, m)
      for _, one in ipairs(rule.month_days) do
        if one == d or one == d - length - 1 then list[#list + 1] = day end
      end
      return
    end
    list[#list + 1] = day
  end }

local function week_of(rule, start, n) return start - (weekday(start) - rule.week_start) % 7 + n * 7 * rule.interval end

periods.WEEKLY = { begins = week_of,
  days = function(rule, start, n, list)
    local first = week_of(rule, start, n)
    for day = first, first + 6 do
      local named = rule.days and is_named(rule.days, day) or not rule.days and weekday(day) == weekday(start)
      if named and (not rule.months or rule.months[select(2, rfc3339.date(day))]) then list[#list + 1] = day end
    end
  end }

local function month_of(rule, start, n)
  local y, m, d = rfc3339.date(start)
  local months = y * 12 + m - 1 + n * rule.interval
  return months // 12, months % 12 + 1, d
end

periods.MONTHLY = { begins = function(rule, start, n)
    local y, m = month_of(rule, start, n)
    return rfc3339.days(y, m, 1)
  end,
  days = function(rule, start, n, list)
    local y, m, own = month_of(rule, start, n)
    if not rule.months or rule.months[m] then days_of_month(rule, y, m, own, list) end
  end }

periods.YEARLY = { begins = function(rule, start, n) return rfc3339.days(rfc3339.date(start) + n * rule.interval, 1, 1) end,
  days = function(rule, start, n, list)
    local y, m, own = rfc3339.date(start)
    y = y + n * rule.interval
    if rule.days and not rule.months and not rule.month_days then
      return named_days(rule.days, rfc3339.days(y, 1, 1), rfc3339.days(y, 12, 31), list)
    end
    for month = 1, 12 do
      local meant = not rule.months and (rule.month_days or month == m) or rule.months and rule.months[month]
      if meant then days_of_month(rule, y, month, own, list) end
    end
  end }

--- In order, each once, and of those the ones that BYSETPOS picks.
local function picked(rule, list)
  table.sort(list)
  local n = 0
  for _, day in ipairs(list) do
    if n == 0 or list[n] ~= day then n = n + 1 list[n] = day end
  end
  for i = #list, n + 1, -1 do list[i] = nil end
  if not rule.positions then return list end
  local at, out = {}, {}
  for _, position in ipairs(rule.positions) do at[position < 0 and n + 1 + position or position] = true end
  for i = 1, n do
    if at[i] then out[#out + 1] = list[i] end
  end
  return out
end

--- How many days, weeks, months or years lie between two days.
local between = {
  DAILY = function(from, to) return to - from end,
  WEEKLY = function(from, to) return (to - from) // 7 end,
  MONTHLY = function(from, to)
    local y, m = rfc3339.date(from)
    local y2, m2 = rfc3339.date(to)
    return (y2 - y) * 12 + m2 - m
  end,
  YEARLY = function(from, to) return rfc3339.date(to) - rfc3339.date(from) end,
}

--- A period that surely lies before a day; 0 where all have to be counted.
local function skipped(rule, start, from)
  if rule.count or from <= start then return 0 end
  return math.max(0, between[rule.freq](start, from) // rule.interval - 1)
end

--- Call fn(day) for the days of a rule in order, from the first that may be `from` or later, to the
-- last before `to` or until it returns false. The day it began on is always the first. `charge(n)`
-- is told of the work; when it returns false this ends, and returns false.
function ical_rule.each(rule, start, from, to, charge, fn)
  local period, count = periods[rule.freq], 1
  if not fn(start) then return true end
  for n = skipped(rule, start, from), math.maxinteger do
    if period.begins(rule, start, n) >= to then return true end
    local list = {}
    period.days(rule, start, n, list)
    if not charge(1 + #list) then return false end
    for _, day in ipairs(picked(rule, list)) do
      if day > start then
        count = count + 1
        if rule.count and count > rule.count or not fn(day) then return true end
      end
    end
  end
end

return ical_rule
