--- Taking up what was going on when the last process ended.
--
-- Methods of the engine (lua/engine.lua), in a file of their own. Runs that stood as
-- `running` come back from their journals. A command brings them all back before it does
-- anything else; a served engine answers at once, and brings them back a few at a time,
-- or sooner when somebody wants one. Runs in which an engine died come last, one by one.
local clock = require "core.clock"
local crash = require "core.crash"
local loop = require "loop"

local recovery = {}

--- How long runs are brought back before others have a turn.
local stretch_us = 10000

--- How long the runs in which an engine died wait for the others to come to rest.
local alone_ms = 200

--- Where the journal of each running run ends: its row may be behind.
local function tails_of(self, open)
  local tails, since = {}, nil
  for _, row in ipairs(open) do
    tails[row.id] = row.tail
    if row.state == "running" then since = math.min(since or row.tail, row.tail) end
  end
  for _, row in ipairs(since and self:rows("journal.tails", { since = since }) or {}) do
    if tails[row.run] then tails[row.run] = math.max(tails[row.run], row.tail) end
  end
  return tails
end

--- Bring a run back that was going on, when it is not back yet. Everything that is about to
-- do something with a run asks for this before.
function recovery:bring_back(id)
  local tail = self.returning and self.returning[id]
  if not tail then return nil end
  self.returning[id] = nil
  local run = self:restore(id, tail)
  if not run then self:over(id) end
  crash.point "recovering"
  return run
end

local function let_others(self)
  local over = false
  local alarm = loop.timer(alone_ms, function() over = true end)
  while not over and self.awake > 0 and not self.closing do loop.sleep(5) end
  alarm:stop()
end

--- In a task, so that whoever asks for something meanwhile is answered.
local function bring_back_slowly(self, ids, suspects)
  local began = clock.mono_us()
  for _, id in ipairs(ids) do
    if self.closing or self.failed then return end
    self:bring_back(id)
    if clock.mono_us() - began > stretch_us then
      loop.sleep(0)
      began = clock.mono_us()
    end
  end
  if #suspects > 0 then let_others(self) end
  for _, id in ipairs(suspects) do
    if self.closing or self.failed then return end
    self:bring_back(id)
    loop.sleep(0)
  end
end

--- Take up what was going on when the last process ended.
function recovery:recover()
  local open = self:rows("run.open", {})
  local tails = tails_of(self, open)
  local parked = self:judge_deaths(tails)
  local ids, suspects = {}, {}
  self.returning = {}
  for _, row in ipairs(open) do
    if row.state == "running" and not parked[row.id] then
      self.returning[row.id] = tails[row.id]
      self:entered(row) -- its place is its own while it is on its way
      table.insert(self.suspects[row.id] and suspects or ids, row.id)
    end
  end
  if self.options.served then
    self:task(function() bring_back_slowly(self, ids, suspects) end, 0)
  else
    for _, list in ipairs { ids, suspects } do
      for _, id in ipairs(list) do self:bring_back(id) end
    end
  end
  for _, verb in ipairs { "approval.undelivered", "run.orphans", "wait.told" } do
    for _, row in ipairs(self:rows(verb, {})) do self:wake(row.run or row.id) end
  end
  self:look_at_facts()
  self:wake_resumed()
  crash.point "recovered"
  self:tell_missed_alerts()
  self:try_faults_again()
  self:pump()
  self:open_schedules()
  self:set_timer()
end

return recovery
