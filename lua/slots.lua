--- When a schedule's slots are: the instants that a trigger of a manifest names (pure).
--
--   local s = assert(slots.of{ kind = "cron", cron = "30 7 * * MON-FRI", zone = "Europe/Lisbon" })
--   local slot, skips = s:after(now)   --> { slot = ms, wall = "2026-03-30T07:30" }
--   local list, older = s:between(from, now, 1000)
--
-- A definition is { kind = "cron", cron, zone, gap?, fold? } | { kind = "every", every_ms,
-- from_ms?, zone } | { kind = "at", at_ms, zone }, and jitter_ms for all.
--
-- A wall clock does not show every minute once. Where it leaps forward (a gap) a slot
-- that fell into it comes at the first instant after it (gap = "shift") or not at all
-- ("skip"); where it goes back (a fold) what it shows twice counts the first time (fold
-- = "once") or both times ("twice"). An expression that fires in every hour is meant as
-- an interval: there the defaults are skip and twice, so that it goes on as real time
-- does; otherwise they are shift and once.
local core = require "core.cron"
local digest = require "core.digest"
local rfc3339 = require "rfc3339"
local zone = require "zone"

local slots = {}
slots.__index = slots

local minute_ms = 60000

--- No slot is looked for beyond: 29 February on a Sunday comes within 40 years.
local horizon_ms = 60 * 366 * 86400000

--- Slots of one gap or fold that are told as skipped, at most.
local most_skips = 100

--- Milliseconds of the wall clock -> "2026-03-30T07:30", with seconds where there are any.
local function wall_text(ms)
  if ms % minute_ms ~= 0 then return rfc3339.format(ms):sub(1, 19) end
  local year, month, day = rfc3339.date(ms // 86400000)
  return ("%04d-%02d-%02dT%02d:%02d"):format(year, month, day, ms // 3600000 % 24, ms // minute_ms % 60)
end

--- The slots of a definition, or nil, message when its expression or zone is wrong.
function slots.of(def)
  local z, message = zone.open(def.zone)
  if not z then return nil, message end
  local self = setmetatable({ def = def, zone = z, gap = def.gap, fold = def.fold }, slots)
  if def.kind ~= "cron" then return self end
  self.cron, message = core.parse(def.cron)
  if not self.cron then return nil, message end
  self.hourly = self.cron:hourly()
  self.gap = def.gap or (self.hourly and "skip" or "shift")
  self.fold = def.fold or (self.hourly and "twice" or "once")
  return self
end

--- Whether the expression is one; nil, message else.
function slots.check_cron(text)
  local cron, message = core.parse(text)
  return cron and true, message
end

local function up(ms) return -(-ms // minute_ms) end

--- Minutes of the wall clock in [from_ms, to_ms) that the expression names: the first,
-- and into `skips` all of them as skipped for a reason. An interval misses nothing.
local function named_within(self, from_ms, to_ms, skips, reason, slot_of)
  local first = self.cron:next(up(from_ms))
  if not first or first * minute_ms >= to_ms then return nil end
  local m, n = first, 0
  while not self.hourly and skips and m and m * minute_ms < to_ms and n < most_skips do
    n = n + 1
    skips[#skips + 1] = { slot = slot_of(m * minute_ms), wall = wall_text(m * minute_ms), reason = reason }
    m = self.cron:next(m + 1)
  end
  return first * minute_ms
end

--- The first slot after an instant within one span of unchanged offset, or nil; what
-- is skipped on the way goes into `skips`.
local function in_span(self, after, span, skips)
  local from, start, offset, before = math.max(after + 1, span.start), span.start, span.offset, span.before
  local shifted
  if from == start and before and offset > before then
    local wall = named_within(self, start + before, start + offset, self.gap == "skip" and skips or nil, "dst_gap",
      function() return start end)
    if wall and self.gap == "shift" then shifted = { slot = start, wall = wall_text(wall) } end
  end
  local wall_from = from + offset
  if self.fold == "once" and before and before > offset and wall_from < start + before then
    named_within(self, wall_from, start + before, skips, "dst_fold", function(wall) return wall - offset end)
    wall_from = start + before
  end
  local m = self.cron:next(up(wall_from))
  local slot = m and m * minute_ms - offset
  if shifted and slot ~= start then return shifted end
  if not slot or slot >= span.stop then return nil, not m end
  return { slot = slot, wall = wall_text(m * minute_ms) }
end

local function cron_after(self, after, skips)
  local limit = after + horizon_ms
  local from = after
  while from < limit do
    local span = self.zone:span(from + 1)
    local found, never = in_span(self, from, span, skips)
    if found then return found end
    if never or span.stop == math.maxinteger then return nil end
    from = span.stop - 1
  end
end

local function at_instant(self, ms)
  return { slot = ms, wall = wall_text(ms + self.zone:offset(ms)) }
end

local function every_after(self, after)
  local from, every = self.def.from_ms, self.def.every_ms
  if from and after < from then return at_instant(self, from) end
  local base = from or 0
  return at_instant(self, base + ((after - base) // every + 1) * every)
end

--- The first slot later than `after` (ms): { slot, wall }, or nil when none comes; and
--- what is skipped until then because of the wall clock: { slot, wall, reason =
--- "dst_gap" | "dst_fold" } each.
function slots:after(after)
  if self.cron then
    local skips = {}
    local found = cron_after(self, after, skips)
    return found, found and skips or {}
  end
  if self.def.kind == "every" then return every_after(self, after), {} end
  return after < self.def.at_ms and at_instant(self, self.def.at_ms) or nil, {}
end

-- ---- many at once -----------------------------------------------------------------

--- Roughly how many slots lie in (from, to]: exact for intervals, by the wall clock for
-- expressions (a change of the clock may make it one off).
function slots:count(from, to)
  if to <= from then return 0 end
  if self.cron then
    local function minute(ms) return up(ms + 1 + self.zone:offset(ms)) end
    return self.cron:count(minute(from), minute(to))
  end
  if self.def.kind == "at" then return from < self.def.at_ms and self.def.at_ms <= to and 1 or 0 end
  local first, every = every_after(self, from).slot, self.def.every_ms
  return first > to and 0 or (to - first) // every + 1
end

local function all_between(self, from, to, skips)
  local list = {}
  while true do
    local slot, skipped = self:after(from)
    if not slot or slot.slot > to then return list end
    table.move(skipped, 1, #skipped, #skips + 1, skips)
    list[#list + 1] = slot
    from = slot.slot
  end
end

--- The slots in (from, to], oldest first: the newest `most` of them, at most; how many
--- older ones there are (see `count`); and what the wall clock skipped among those given.
-- The work does not grow with the time that lies between.
function slots:between(from, to, most)
  local span, list, skips, start = 3600000, nil, nil, nil
  repeat
    start, skips = math.max(from, to - span), {}
    list = all_between(self, start, to, skips)
    span = span * 8
  until start == from or #list >= most
  local cut = #list - most
  if cut > 0 then
    start = list[cut].slot
    list = table.move(list, cut + 1, #list, 1, {})
  end
  return list, start > from and self:count(from, start) or 0, skips
end

--- When a slot fires: up to jitter_ms after its time, always the same for one slot of
--- one schedule.
function slots:due(name, slot)
  local jitter = self.def.jitter_ms or 0
  if jitter == 0 then return slot end
  local hash = math.tointeger(tonumber(digest.sha256(name .. "/" .. slot):sub(1, 12), 16))
  return slot + hash % (jitter + 1)
end

return slots
