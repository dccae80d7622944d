--- Ten years of firings in many zones, ours beside the oracle's.
local clock = require "core.clock"
local file = require "file"
local slots = require "slots"
local rfc3339 = require "rfc3339"

local wall = {}

--- Zones, and ten years in which their clocks do something: 2037 is where the lists of the
--- tz database end and its rules begin; Apia left out a day in 2011; Casablanca goes
--- back for Ramadan; Lord Howe moves by half an hour, Troll by two; in Dublin it is the
--- winter that has the rule's second name.
wall.zones = {
  { "Europe/Lisbon", 2026 }, { "America/New_York", 2032 }, { "Australia/Sydney", 2030 }, { "Asia/Kolkata", 2026 },
  { "Australia/Lord_Howe", 2031 }, { "America/Sao_Paulo", 2010 }, { "Europe/Dublin", 2033 }, { "Pacific/Apia", 2008 },
  { "Africa/Casablanca", 2010 }, { "Antarctica/Troll", 2031 }, { "America/Nuuk", 2030 }, { "Pacific/Chatham", 2034 },
}

--- Those that fire all day long are looked at with one policy only, and one a zone.
local dense = { "*/15 * * 1-4 *", "7/20 * * * MON-FRI", "*/10 0-5 * * *" }

local chosen = {
  "0 0 * * *", "30 2 * * *", "0 2 * * *", "30 1 * * *", "59 23 * * *", "0 3 * * *", "15 2,3 * * *", "0 */2 * * *",
  "*/20 2 * * *", "5 1-3 * * SUN", "45 7 * * 1-5", "0 0 * * 0", "0 0 1 * *", "0 0 1 1 *", "0 12 29 2 *", "0 9 31 * *",
  "30 2 */2 * *", "0 6 1,15 * FRI", "0 6 */3 * MON", "30 0 28-31 3,10 *", "0 0 ? APR-SEP/2 SAT-SUN", "10 1,2 * 3,4,10,11 7",
  "0 * * 3,10 *", "30 * 30 12 *",
}

local gaps, folds = { "shift", "skip" }, { "once", "twice" }

--- A small generator of our own, so that a seed means the same everywhere.
local function dice(seed)
  local state = seed
  return function(n)
    state = (state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return (state >> 33) % n
  end
end

local function random_field(roll, low, high)
  local kind = roll(5)
  local function value() return low + roll(high - low + 1) end
  if kind == 0 and high ~= 5 then return "*" end
  if kind <= 1 then return tostring(value()) end
  if kind == 2 then
    local a, b = value(), value()
    return ("%d-%d"):format(math.min(a, b), math.max(a, b))
  end
  if kind == 3 then return ("%d,%d,%d"):format(value(), value(), value()) end
  return ("*/%d"):format(1 + roll(math.min(high - low, 9)))
end

--- Times in the small hours, where clocks change; days of every kind.
local function random_expression(roll)
  return ("%d %s %s %s %s"):format(roll(60), roll(2) == 0 and tostring(roll(4)) or random_field(roll, 0, 5),
    random_field(roll, 1, 28), random_field(roll, 1, 12), random_field(roll, 0, 6))
end

--- Each with no policy and with others; those of drawn ones are drawn, too.
local function tasks_of(seed)
  local list, roll = { { text = dense[seed % #dense + 1] } }, dice(seed)
  for _, text in ipairs(chosen) do
    list[#list + 1] = { text = text }
    -- without a policy most of them shift and fire once: with these two each word meets each
    list[#list + 1] = { text = text, gap = "skip", fold = "once" }
    list[#list + 1] = { text = text, gap = "shift", fold = "twice" }
  end
  for _ = 1, 40 do
    local text = random_expression(roll)
    list[#list + 1] = { text = text }
    list[#list + 1] = { text = text, gap = gaps[roll(2) + 1], fold = folds[roll(2) + 1] }
  end
  return list
end

--- What an expression without a policy is promised: an interval goes on by real time.
local function policy_of(task)
  local hour = task.text:match("^%S+ (%S+)")
  local hourly = hour == "*" or hour == "*/1"
  return task.gap or (hourly and "skip" or "shift"), task.fold or (hourly and "twice" or "once")
end

local function ask_oracle(program, name, year, tasks, folder)
  assert(file.mkdir(folder))
  local lines = {}
  for i, task in ipairs(tasks) do
    local gap, fold = policy_of(task)
    lines[i] = ("%s %s %s"):format(gap, fold, task.text)
  end
  assert(file.write(folder .. "/lines", table.concat(lines, "\n") .. "\n"))
  assert(os.execute(("'%s' '%s' %d %d '%s' <'%s/lines'"):format(program, name, year, year + 10, folder, folder)),
    "the oracle failed")
end

local function firings_of(name, task, from, to)
  local s = assert(slots.of { kind = "cron", cron = task.text, zone = name, gap = task.gap, fold = task.fold })
  local out, at = {}, from - 1
  while true do
    local slot = s:after(at)
    if not slot or slot.slot >= to then return out end
    out[#out + 1] = slot.slot // 60000
    at = slot.slot
  end
end

--- The first difference of a list of minutes and the oracle's bytes, or nil.
local function difference(ours, bytes)
  local n = #bytes // 8
  for i = 1, math.max(n, #ours) do
    local theirs = i <= n and string.unpack("<i8", bytes, i * 8 - 7) or nil
    if theirs ~= ours[i] then
      return ("number %d: oracle %s, ours %s"):format(i, theirs and rfc3339.format(theirs * 60000) or "nothing",
        ours[i] and rfc3339.format(ours[i] * 60000) or "nothing")
    end
  end
end

--- Compare one zone. `report(ok, text)` hears of each expression; returns
--- { expressions, firings, ms }.
function wall.check(program, zone, seed, folder, report)
  local name, year = zone[1], zone[2]
  local began, tasks = clock.mono_us(), tasks_of(seed * 1000 + #name)
  ask_oracle(program, name, year, tasks, folder)
  local from, to = rfc3339.days(year, 1, 1) * 86400000, rfc3339.days(year + 10, 1, 1) * 86400000
  local total = 0
  for i, task in ipairs(tasks) do
    local ours = firings_of(name, task, from, to)
    local wrong = difference(ours, assert(file.read(folder .. "/" .. i)))
    total = total + #ours
    report(not wrong, wrong and ("%s '%s' gap=%s fold=%s: %s"):format(name, task.text, task.gap or "default",
      task.fold or "default", wrong))
  end
  return { expressions = #tasks, firings = total, ms = (clock.mono_us() - began) // 1000 }
end

return wall
