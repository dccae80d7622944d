--- Instants: integer milliseconds since 1970-01-01T00:00:00Z <-> RFC 3339.
--
-- Pure arithmetic on the proleptic Gregorian calendar; no clock and no zone
-- database is read here. Days are counted from March, so that the leap day is
-- the last of its year and needs no special case.

local rfc3339 = {}

--- Days since 1970-01-01 of a date (month 1..12).
function rfc3339.days(year, month, day)
  if month <= 2 then year, month = year - 1, month + 12 end
  local era = year // 400
  local year_of_era = year - era * 400
  local day_of_year = (153 * (month - 3) + 2) // 5 + day - 1
  local day_of_era = year_of_era * 365 + year_of_era // 4
    - year_of_era // 100 + day_of_year
  return era * 146097 + day_of_era - 719468
end

--- The date (year, month, day) of a day number since 1970-01-01.
function rfc3339.date(days)
  days = days + 719468
  local era = days // 146097
  local day_of_era = days - era * 146097
  local year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36524
    - day_of_era // 146096) // 365
  local day_of_year = day_of_era
    - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
  local month_from_march = (5 * day_of_year + 2) // 153
  local day = day_of_year - (153 * month_from_march + 2) // 5 + 1
  local month = month_from_march + (month_from_march < 10 and 3 or -9)
  local year = year_of_era + era * 400 + (month <= 2 and 1 or 0)
  return year, month, day
end

local month_days = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

--- True when the day exists.
function rfc3339.valid_date(year, month, day)
  if month < 1 or month > 12 or day < 1 then return false end
  local leap = year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
  return day <= month_days[month] + ((leap and month == 2) and 1 or 0)
end

--- 1767225600000 -> "2026-01-01T00:00:00.000Z" (years 0000 to 9999).
function rfc3339.format(ms)
  local days, rest = ms // 86400000, ms % 86400000
  local year, month, day = rfc3339.date(days)
  return ("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ"):format(year, month, day,
    rest // 3600000, rest // 60000 % 60, rest // 1000 % 60, rest % 1000)
end

--- "+01:00" -> 60 minutes; "Z" -> 0; nil when it is no offset.
local function offset_minutes(text)
  if text == "Z" or text == "z" then return 0 end
  local sign, hours, minutes = text:match("^([+-])(%d%d):(%d%d)$")
  if not sign then return nil end
  hours = math.tointeger(tonumber(hours))
  minutes = math.tointeger(tonumber(minutes))
  if hours > 23 or minutes > 59 then return nil end
  return (sign == "-" and -1 or 1) * (hours * 60 + minutes)
end

--- "2026-01-01T01:00:00.5+01:00" -> ms since the epoch. Digits of a second
-- beyond milliseconds are cut; a leap second (:60) counts as the next second.
-- Returns nil, message for anything that is no RFC 3339 date-time.
function rfc3339.parse(text)
  local refusal = ('expected an RFC 3339 time like "2026-01-01T09:00:00Z",'
    .. ' got %s'):format(type(text) == "string" and ("%q"):format(text:sub(1, 40))
    or type(text))
  if type(text) ~= "string" then return nil, refusal end
  local y, mo, d, h, mi, s, fraction, zone =
    text:match("^(%d%d%d%d)-(%d%d)-(%d%d)[Tt ](%d%d):(%d%d):(%d%d)(%.?%d*)(.+)$")
  if not y or fraction == "." then return nil, refusal end
  local function int(digits) return math.tointeger(tonumber(digits)) end
  y, mo, d, h, mi, s = int(y), int(mo), int(d), int(h), int(mi), int(s)
  local offset = offset_minutes(zone)
  if not offset or not rfc3339.valid_date(y, mo, d)
      or h > 23 or mi > 59 or s > 60 then
    return nil, refusal
  end
  local milli = int((fraction:sub(2) .. "000"):sub(1, 3))
  return ((rfc3339.days(y, mo, d) * 24 + h) * 60 + mi - offset) * 60000
    + s * 1000 + milli
end

return rfc3339
