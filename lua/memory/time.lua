--- Times as people and programs write them, and the times that a question asks about.
local rfc3339 = require "rfc3339"

local time = {}

local months = {}
for i, name in ipairs { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" } do
  months[name] = i
end

local function at(year, month, day, hour, minute, second)
  local function int(x) return math.tointeger(tonumber(x or 0)) end
  year, month, day, hour, minute = int(year), int(month), int(day), int(hour), int(minute)
  if not rfc3339.valid_date(year, month, day) or hour > 23 or minute > 59 then return nil end
  return ((rfc3339.days(year, month, day) * 24 + hour) * 60 + minute) * 60000 + int(second) * 1000
end

--- Milliseconds of a time as people and programs write it, or nil, message.
-- Integers are milliseconds from 1e11 on, seconds below. Texts: RFC 3339; a date;
-- a date and a time (UTC); "1:56 pm on 8 May, 2023"; "8 May 2023"; "May 8, 2023".
function time.read(value)
  if math.type(value) == "integer" then return math.abs(value) >= 100000000000 and value or value * 1000 end
  if math.type(value) == "float" then return time.read(math.floor(value)) end
  if type(value) ~= "string" then return nil, "expected a time, got " .. type(value) end
  local ms = rfc3339.parse(value)
  if ms then return ms end
  local y, mo, d, h, mi, s = value:match "^(%d%d%d%d)-(%d%d)-(%d%d)[T ]?(%d?%d?):?(%d?%d?):?(%d?%d?)$"
  if y then
    ms = at(y, mo, d, tonumber(h), tonumber(mi), tonumber(s))
  else
    local clock_text, rest = value:match "^(.-)%s+on%s+(.+)$"
    rest = rest or value
    local day, name, year = rest:match "^(%d%d?)%a*%s+(%a+),?%s+(%d%d%d%d)$"
    if not day then name, day, year = rest:match "^(%a+)%s+(%d%d?)%a*,?%s+(%d%d%d%d)$" end
    local month = name and months[name:sub(1, 3):lower()]
    local hour, minute, half = (clock_text or "0:00"):lower():match "^(%d%d?):(%d%d)%s*([ap]?)%.?m?%.?$"
    if month and hour then
      hour = tonumber(hour)
      if half == "p" then hour = hour % 12 + 12 elseif half == "a" then hour = hour % 12 end
      ms = at(year, month, day, hour, minute)
    end
  end
  if ms then return ms end
  return nil, ('expected a time like "2026-03-09T10:00:00Z" or "2026-03-09", got %q'):format(value:sub(1, 40))
end

-- ---- the time that a question asks about ---------------------------------------------

local day_ms = 86400000
local lengths = { day = day_ms, week = 7 * day_ms, month = 30 * day_ms, year = 365 * day_ms }
local numbers = { a = 1, an = 1, one = 1, two = 2, three = 3, four = 4, five = 5, six = 6, seven = 7, eight = 8, nine = 9, ten = 10 }

local full = {}
for i, name in ipairs { "january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
  "november", "december" } do
  full[name] = i
  full[name:sub(1, 3)] = i
end
full.sept = 9

local function range(from, to) return { from = from, ["until"] = to } end

local function month_range(year, month, day)
  if day then
    local ms = at(year, month, day)
    return ms and range(ms, ms + day_ms)
  end
  local from = at(year, month, 1)
  return from and range(from, at(month == 12 and year + 1 or year, month % 12 + 1, 1))
end

-- Months are names in capitals ("May I", "march on" are none), unless a day or a year is by.
local function named_month(text)
  for before, word, after in text:gmatch "()(%a+)()" do
    local month = full[word:lower()]
    if month then
      local year = text:match("^,?%s*(%d%d%d%d)%f[%D]", after) or text:match("^%s+%d%d?%a*,?%s+(%d%d%d%d)%f[%D]", after)
      local day = text:match("^%s+(%d%d?)%f[^%d]", after) or text:sub(1, before - 1):match "(%d%d?)%a?%a?%s+$"
        or text:sub(1, before - 1):match "(%d%d?)%a?%a?%s+of%s+$"
      day = day and tonumber(day) <= 31 and tonumber(day) or nil
      if year or day or (word:find "^%u" and before > 1) then return month, year and tonumber(year), day end
    end
  end
end

--- The time that a text names, read at `now` (milliseconds): { from, until } in
--- milliseconds, or { month, day? } of any year; nil when it names none.
function time.about(text, now)
  local y, m, d = text:match "%f[%d](%d%d%d%d)%-(%d%d)%-(%d%d)%f[%D]"
  if y then return month_range(tonumber(y), tonumber(m), tonumber(d)) end
  local month, year, day = named_month(text)
  if month and year then return month_range(year, month, day) end
  if month then return { month = month, day = day } end
  local low = text:lower()
  local today = now // day_ms * day_ms
  if low:find "%f[%a]yesterday%f[%A]" then return range(today - day_ms, today) end
  if low:find "%f[%a]today%f[%A]" then return range(today, today + day_ms) end
  local n, unit = low:match "%f[%w](%w+)%s+(%a-)s?%s+ago%f[%A]"
  n = n and (numbers[n] or math.tointeger(tonumber(n)))
  if n and lengths[unit] and n <= 1000 then
    local ms = lengths[unit]
    return range(today - n * ms - ms // 2, today - n * ms + ms // 2 + day_ms)
  end
  unit = low:match "%f[%a]last%s+(%a+)%f[%A]"
  if unit and lengths[unit] and unit ~= "day" then return range(today - 2 * lengths[unit], today + day_ms) end
  local alone = low:match "%f[%w]in%s+(%d%d%d%d)%f[%D]"
  if alone and tonumber(alone) > 1900 and tonumber(alone) < 2200 then
    return range(at(tonumber(alone), 1, 1), at(tonumber(alone) + 1, 1, 1))
  end
  return nil
end

return time
