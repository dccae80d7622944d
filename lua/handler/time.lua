--- ctx.time: wall clocks. The zone is the owner's, or the one that is named; the answers are
--- recorded, so a replay does not ask the tz database of another day.
--
-- at{ date = "2026-03-05", time = "07:30" } -> { at = RFC 3339 in UTC, ms }; a time that a
-- change of clocks leaves out is the first one after it.
-- parts{ at = RFC 3339 or ms } -> { date, time, weekday = "Thu", day = days since 1970,
-- offset_min, at, ms }. Lists of either give lists.
local json = require "json"
local rfc3339 = require "rfc3339"
local zone = require "zone"

local ops = {}
local day_ms = 86400000
local weekdays = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" }

local function wrong(text)
  error({ code = "wrong_use", raise = true, message = "ctx.time." .. text }, 0)
end

local function open(cmd, name)
  local z, message = zone.open(name or cmd.run.setup.zone)
  return z or wrong(message)
end

local function at(cmd, one)
  local year, month, day = tostring(one.date):match "^(%d%d%d%d)-(%d%d)-(%d%d)$"
  local hour, minute = tostring(one.time or "00:00"):match "^(%d%d?):(%d%d)"
  if not year then wrong("at takes a date such as \"2026-03-05\", not " .. tostring(one.date)) end
  if not hour then wrong("at takes a time such as \"07:30\", not " .. tostring(one.time)) end
  local days = rfc3339.days(math.tointeger(tonumber(year)), math.tointeger(tonumber(month)), math.tointeger(tonumber(day)))
  days = days + (math.tointeger(one.plus_days) or 0)
  local ms = open(cmd, one.zone):instant(days * day_ms + (tonumber(hour) * 60 + tonumber(minute)) * 60000 // 1)
  ms = math.tointeger(ms)
  return { at = rfc3339.format(ms), ms = ms }
end

--- The time that is meant: RFC 3339, with or without its seconds.
local function instant(value)
  if math.type(value) == "integer" then return value end
  local text = tostring(value)
  local ms = rfc3339.parse(text) or rfc3339.parse((text:gsub("^(%d+-%d+-%d+[Tt]%d+:%d+)([Zz+-])", "%1:00%2")))
  return ms or wrong("parts takes a time such as \"2026-03-05T07:30:00Z\", not " .. text)
end

local function parts(cmd, one)
  local ms = instant(one.at)
  local offset = open(cmd, one.zone):offset(ms)
  local wall = ms + offset
  local text = rfc3339.format(wall)
  local day = wall // day_ms
  return { date = text:sub(1, 10), time = text:sub(12, 16), weekday = weekdays[(day + 3) % 7 + 1], day = day,
    offset_min = offset // 60000, at = rfc3339.format(ms), ms = ms }
end

local function each(cmd, args, fn)
  if not json.is_list(args) or next(args) == nil then return fn(cmd, args) end
  local list = json.array {}
  for i, one in ipairs(args) do list[i] = fn(cmd, one) end
  return list
end

function ops.at(cmd) return each(cmd, cmd.args, at) end
function ops.parts(cmd) return each(cmd, cmd.args, parts) end

return function(cmd)
  cmd.effect = "read"
  return ops[cmd.name](cmd)
end
