--- Lengths of time: "2d", "4h", "15m", "30s", "500ms", "1h30m" <-> integer ms.

local duration = {}

local units = {
  { "w", 7 * 86400000 }, { "d", 86400000 }, { "h", 3600000 },
  { "m", 60000 }, { "s", 1000 }, { "ms", 1 },
}
local unit_ms = { min = 60000 }
for _, unit in ipairs(units) do unit_ms[unit[1]] = unit[2] end

--- A hundred years: longer is a slip, not a plan.
duration.max_ms = 100 * 366 * 86400000

--- "1.5", "h" -> 5400000 exactly, or nil when it is no whole millisecond.
local function part_ms(whole, fraction, unit)
  local scale = unit_ms[unit]
  if not scale or #whole > 13 or #fraction > 6 then return nil end
  local ms = math.tointeger(tonumber(whole)) * scale
  if fraction == "" then return ms end
  local share = math.tointeger(tonumber(fraction)) * scale
  local divisor = math.tointeger(10 ^ #fraction)
  if share % divisor ~= 0 then return nil end
  return ms + share // divisor
end

--- The sum of the parts in milliseconds, or nil.
local function sum_parts(text)
  local total, at, last_scale = 0, 1, math.maxinteger
  while at <= #text do
    local whole, fraction, unit, stop = text:match("^(%d+)%.?(%d*)%s*(%a+)()", at)
    local ms = whole and part_ms(whole, fraction, unit)
    if not ms or unit_ms[unit] >= last_scale then return nil end
    total, at, last_scale = total + ms, stop, unit_ms[unit]
    if total > duration.max_ms then return nil end
    at = text:match("^%s*()", at)
  end
  return total
end

--- "1h30m" -> 5400000. Units w d h m (or min) s ms, largest first.
-- Returns nil, message for anything else; a number is refused since it does
-- not say its unit.
function duration.parse(text)
  if type(text) ~= "string" then
    return nil, 'expected a duration like "2d" or "1h30m", got ' .. type(text)
  end
  local ms = text:find("^%s*%d") and sum_parts(text:match("^%s*(.*)$"))
  if not ms then
    return nil, ('expected a duration like "2d", "4h", "15m", "30s", "500ms"'
      .. ' or "1h30m", got %q'):format(text)
  end
  return ms
end

--- 5400000 -> "1h30m"; 0 -> "0s". Weeks are written as days.
function duration.format(ms)
  if ms == 0 then return "0s" end
  local out, rest = {}, math.abs(ms)
  for i = 2, #units do
    local count = rest // units[i][2]
    if count > 0 then out[#out + 1] = ("%d%s"):format(count, units[i][1]) end
    rest = rest % units[i][2]
  end
  return (ms < 0 and "-" or "") .. table.concat(out)
end

--- "20/min" -> 20, 60000: so many per window in ms. Windows: s min h day, and
-- with `run` allowed (see budgets) "30/run" -> 30, nil.
-- Returns nil, message for anything else.
function duration.parse_rate(text)
  local windows = {
    s = 1000, sec = 1000, second = 1000, m = 60000, min = 60000,
    minute = 60000, h = 3600000, hour = 3600000, d = 86400000,
    day = 86400000, run = false,
  }
  local count, window = tostring(text):match("^%s*(%d+)%s*/%s*(%a+)%s*$")
  if not count or windows[window] == nil or #count > 12 then
    return nil, ('expected a rate like "20/min", "100/hour" or "500/day",'
      .. ' got %q'):format(tostring(text))
  end
  return math.tointeger(tonumber(count)), windows[window] or nil
end

return duration
