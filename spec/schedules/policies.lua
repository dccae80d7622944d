--- What becomes of slots: the engine beside a plain model, on a simulated clock.
--
-- One home has an agent for every pair of an overlap and a catch-up policy, each with an
-- interval and a length of run of its own. The clock goes on minute by minute, stands
-- still for nobody: it leaps an hour forward or back, and the engine is away for minutes
-- or hours. The model below knows slots as whole minutes and nothing of rows, alarms or
-- transactions; in the end every slot must have the state and the reason that it says,
-- and every started slot one run, begun when it says.
--
-- Runs end half a second before a minute, and are looked at a millisecond before it, so
-- that no run ends in the very moment in which a slot is due.
local home = require "spec.support.home"
local rfc3339 = require "rfc3339"

local policies = {}

local minute = 60000
local begin = rfc3339.parse "2026-03-02T00:00:00Z"

local function dice(seed)
  local state = seed
  return function(low, high)
    state = (state * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
    return low + (state >> 33) % (high - low + 1)
  end
end

-- ---- the model ------------------------------------------------------------------------

local model = {}
model.__index = model

--- A slot that the clock's leap made free again.
local function free(slot) return slot == nil or slot.what == "skipped missed" or slot.what == "skipped clock" end

function model:next_free(after)
  local at = (after // self.every + 1) * self.every
  while not free(self.slots[at]) do at = at + self.every end
  return at
end

function model:start(at, now)
  self.slots[at] = { what = "started" .. (self.late[at] and " caught_up" or ""), begun = now }
  table.insert(self.live, now + self.length)
end

function model:skip(at, reason) self.slots[at] = { what = "skipped " .. reason } end

--- What waits is begun, stays or is given up; the older slot first.
function model:serve(now)
  table.sort(self.queue)
  while self.queue[1] do
    if self.overlap == "allow" or not self.live[1] then
      self:start(table.remove(self.queue, 1), now)
    elseif self.overlap == "cancel_previous" then
      while #self.queue > 1 do self:skip(table.remove(self.queue, 1), "overlap") end
      self.live = {}
    else
      local keep = self.overlap == "skip" and 0 or self.overlap == "queue_one" and 1 or math.huge
      while #self.queue > keep do self:skip(table.remove(self.queue), "overlap") end
      return
    end
  end
end

function model:runs_end(now)
  local still = {}
  for _, stop in ipairs(self.live) do
    if stop > now then still[#still + 1] = stop end
  end
  local over = #still < #self.live
  self.live = still
  if over then self:serve(now) end
end

function model:clock_back(now)
  local at = self:next_free(now)
  if at >= self.planned then return end
  self:skip(self.planned, "clock")
  self.planned = at
end

function model:slots_due(now)
  if self.planned > now then return end
  local newest = now // self.every * self.every
  for at = self.planned, newest, self.every do
    local late = now - at
    local on_time = at == newest and late <= minute
    local wanted = on_time or late <= self.within and (self.keep == "all" or self.keep == "one" and at == newest)
    if at ~= self.planned and not free(self.slots[at]) then
      -- dealt with when the clock was there before
    elseif wanted then
      self.late[at] = late > minute
      table.insert(self.queue, at)
      self.slots[at] = { what = "queued" .. (late > minute and " caught_up" or "") }
    else
      self:skip(at, "missed")
    end
  end
  self.planned = self:next_free(newest)
  self:serve(now)
end

-- ---- the engine's side ------------------------------------------------------------------

local overlaps = { "skip", "queue_one", "queue_all", "cancel_previous", "allow" }
local catch_ups = { { keep = "one", within = "24h", ms = 86400000 }, { keep = "one", within = "20m", ms = 1200000 },
  { keep = "all", within = "45m", ms = 2700000 }, { keep = "none", within = "24h", ms = 86400000 } }

--- The agents and their models.
local function cast(roll)
  local agents, models = {}, {}
  for _, overlap in ipairs(overlaps) do
    for i, policy in ipairs(catch_ups) do
      local name, every, length = overlap .. "_" .. i, roll(5, 15), roll(1, 25)
      local ms = length * minute - 500
      agents[name] = home.agent(("ctx.sleep(%d) return 1"):format(ms),
        ('on = { every = "%dm", overlap = "%s", catch_up = { within = "%s", keep = "%s" } },'):format(every, overlap,
          policy.within, policy.keep))
      local one = setmetatable({ every = every * minute, length = ms, overlap = overlap, keep = policy.keep,
        within = policy.ms, slots = {}, live = {}, queue = {}, late = {} }, model)
      one.planned = one:next_free(begin)
      models[name] = one
    end
  end
  return agents, models
end

local function each(models, method, now)
  for _, one in pairs(models) do one[method](one, now) end
end

local function look(h, models, now)
  for _, at in ipairs { now - 1, now } do
    local back = at < h.now
    h.now = at
    h.engine:fire()
    assert(h.engine:drain())
    if back then each(models, "clock_back", at) end
    each(models, "runs_end", at)
    each(models, "slots_due", at)
  end
end

--- The process ends and is started again later: first what was going on goes on.
local function away(h, models, now)
  h.now = now - 1
  h:reopen {}
  assert(h.engine:drain())
  each(models, "runs_end", h.now)
  h:reopen { schedules = true }
  assert(h.engine:drain())
  each(models, "slots_due", h.now)
end

--- Where they differ: a list of sentences, and the number of slots compared.
local function compare(h, name, one)
  local wrong, seen, n, runs = {}, {}, 0, {}
  for _, run in ipairs(h.engine:list { agent = name, limit = 100000 }) do runs[run.run] = run end
  for _, row in ipairs(h.engine:slot_log { schedule = name, limit = 100000 }) do
    local at, what = rfc3339.parse(row.slot), row.state .. (row.reason and " " .. row.reason or "")
    local want = one.slots[at]
    n, seen[at] = n + 1, true
    if not want or want.what ~= what then
      wrong[#wrong + 1] = ("%s %s: model %s, engine %s"):format(name, row.slot, want and want.what or "nothing", what)
    elseif row.run then
      local run = runs[row.run]
      runs[row.run] = nil
      if not run or rfc3339.parse(run.created) ~= want.begun then
        wrong[#wrong + 1] = ("%s %s: begun %s, model says %s"):format(name, row.slot, run and run.created or "never",
          rfc3339.format(want.begun))
      end
    end
  end
  for at, slot in pairs(one.slots) do
    local again = at == one.planned and free(slot) -- the engine tells of the past alone
    if not seen[at] and not again then
      wrong[#wrong + 1] = ("%s %s: model %s, engine nothing"):format(name, rfc3339.format(at), slot.what)
    end
  end
  for id in pairs(runs) do wrong[#wrong + 1] = ("%s: the run %s belongs to no slot"):format(name, id) end
  return wrong, n
end

--- Play one draw for so many minutes. `report(ok, text)` hears of every schedule.
--- Returns { schedules, slots, leaps, downtimes }.
function policies.check(seed, minutes, report)
  local roll = dice(seed)
  local agents, models = cast(roll)
  local h <close> = setmetatable(home.make { agents = agents }, { __index = home, __close = function(h) h:remove() end })
  h.now = begin
  h:open { schedules = true }
  assert(h.engine:drain())
  local sum, now = { schedules = 0, slots = 0, leaps = 0, downtimes = 0 }, begin
  for _ = 1, minutes do
    local event = roll(1, 60)
    if event == 1 then
      sum.leaps, now = sum.leaps + 1, now + 60 * minute
      look(h, models, now)
    elseif event == 2 then
      sum.leaps, now = sum.leaps + 1, now - 60 * minute
      look(h, models, now)
    elseif event == 3 then
      sum.downtimes, now = sum.downtimes + 1, now + (roll(0, 1) == 0 and roll(1, 30) or roll(60, 400)) * minute
      away(h, models, now)
      look(h, models, now)
    else
      now = now + minute
      look(h, models, now)
    end
  end
  for name, one in pairs(models) do
    local wrong, n = compare(h, name, one)
    sum.schedules, sum.slots = sum.schedules + 1, sum.slots + n
    report(#wrong == 0, #wrong > 0 and ("%s (%d differ, seed %d)"):format(wrong[1], #wrong, seed))
  end
  return sum
end

return policies
