--- Runs that bring the engine down, and runs that cannot be played any more: they stop
-- alone, so that all others go on.
--
-- Methods of the engine (lua/engine.lua), in a file of their own. The process says in memory
-- that outlives it for which run it works (src/supervise.h). A death in a run is written into
-- the store by the next engine before it does anything else, so it is known after the
-- supervisor's own end, too. After the second one the run is over as `quarantined`; nothing
-- of it is executed, undone or dropped: its timers, waits and questions stand as they are,
-- for `keel resume`.
local crash = require "core.crash"
local errors = require "errors"
local json = require "json"
local rfc3339 = require "rfc3339"
local supervise = require "core.supervise"

local quarantine = {}

--- Deaths further apart have nothing to do with one another.
local memory_ms = 600000

--- A run that had computed for so many slices (of about a millisecond) without waiting for
--- anything was met by a kill for that reason.
local many_slices = 20

local behalf = { __close = function(self) supervise.mark(self[1]) end }

--- From here to the end of the block this process works for that run:
--   local _ <close> = self:on_behalf(id)
-- It must not wait for anything meanwhile.
function quarantine:on_behalf(id)
  return setmetatable({ supervise.mark(id) }, behalf)
end

-- ---- what is known -------------------------------------------------------------------

--- Deaths by run: id -> list, oldest first, those that an earlier engine wrote down.
local function known_deaths(self)
  local known = {}
  for _, row in ipairs(self:rows("death.list", {})) do
    known[row.run] = known[row.run] or {}
    table.insert(known[row.run], row.value)
  end
  return known
end

local function is_known(deaths, death)
  for _, one in ipairs(deaths) do
    if one.at == death.at then return true end
  end
  return false
end

--- Two deaths make a culprit. A kill from outside may meet anybody who is at work: as the
-- second one it counts only when the run took up the engine; as the third one when none of
-- three engines came any further with it, or got to anything else.
local function is_culprit(deaths)
  local n = #deaths
  local first, second = deaths[n - 1], deaths[n]
  if not first or second.at - first.at > memory_ms then return false end
  if not second.outside or second.slices >= many_slices then return true end
  local before = deaths[n - 2]
  return before ~= nil and second.at - before.at <= memory_ms and before.tail == first.tail and first.tail == second.tail
    and before.only and first.only and second.only
end

local function told(death)
  return ("%s at %s"):format(death.cause, rfc3339.format(death.at))
end

local function reason(deaths, last)
  local first, second = deaths[#deaths - 1], deaths[#deaths]
  local times = #deaths == 2 and "twice" or ("%d times"):format(#deaths)
  local place = not last and "" or last.seq == 0 and ", before its first step"
    or (", behind step %d (%s)"):format(last.seq, (last.name or "?"):gsub("^step:", ""))
  return ("the engine died %s while it executed this run (%s; %s)%s"):format(times, told(first), told(second), place)
end

--- Write the end of a run that is in no memory: it waits for its owner.
local function put_away(self, tx, row, tail, value)
  local now = self.clock()
  tx:add("run.end", { id = row.id, state = "quarantined", tail = tail, steps = row.steps, cost = row.cost,
    active_ms = row.active_ms, now = now, error_codec = value })
  tx:add("death.drop", { run = row.id })
  tx:add("audit.put", { now = now, who = "engine", what = "quarantine", subject = row.run,
    detail_codec = { message = value.message, deaths = value.deaths, step = value.step } })
  self:add_alert(tx, "quarantined", { agent = row.agent, run = row.run,
    message = ("run %s of %s is in quarantine: %s"):format(row.run, row.agent, value.message) })
end

local function judge(self, tx, row, deaths, tail)
  if not is_culprit(deaths) then return false end
  local last = self:rows("journal.at", { lsn = tail })[1]
  local list = json.array {}
  for i, death in ipairs(deaths) do list[i] = { at = rfc3339.format(death.at), cause = death.cause } end
  local value = { code = "quarantined", number = "K7003", message = reason(deaths, last), deaths = list,
    step = last and last.seq }
  put_away(self, tx, row, tail, value)
  table.insert(self.notices, ("run %s of %s is in quarantine: %s; keel show %s"):format(row.run, row.agent,
    value.message, row.run))
  return true
end

--- Write down the deaths that the supervisor saw, and put those in quarantine in which the
-- engine died again, before anything is executed. `tails`: id -> where its journal ends. Sets
-- self.suspects: the runs in which an engine died once. Returns the set of those put away.
function quarantine:judge_deaths(tails)
  local fresh, known, parked = supervise.history().deaths, known_deaths(self), {}
  self.suspects, self.notices = {}, {}
  if #fresh == 0 and next(known) == nil then return parked end
  local tx, noted = self.store:tx(), {}
  for _, death in ipairs(fresh) do
    local deaths = known[death.run] or {}
    known[death.run] = deaths
    -- the engine that wrote it down may have died before it said so
    if not is_known(deaths, death) then
      local value = { at = death.at, cause = death.cause, outside = death.outside, slices = death.slices,
        only = death.only, tail = tails[death.run] }
      table.insert(deaths, value)
      noted[death.run] = true
      if tails[death.run] then tx:add("death.put", { run = death.run, at = death.at, value_codec = value }) end
    end
  end
  for id, deaths in pairs(known) do
    local row = tails[id] and self:rows("run.to_wake", { id = id })[1]
    if not row then
      tx:add("death.drop", { run = id }) -- it got through, or is gone
    elseif judge(self, tx, row, deaths, tails[id]) then
      parked[id] = true
    else
      self.suspects[id] = deaths[#deaths]
      if noted[id] then
        table.insert(self.notices, ("the engine died while it executed run %s of %s (%s); once more, and the run is put in quarantine")
          :format(row.run, row.agent, told(deaths[#deaths])))
      end
    end
  end
  if not self:commit(tx) then error(self.failed, 0) end
  crash.point "deaths_noted"
  supervise.heard(#fresh)
  return parked
end

--- A run is over, or waits: whatever killed an engine while it was at work did not do it
-- again. Goes with the transaction that says so.
function quarantine:acquit(run, tx)
  if not self.suspects or not self.suspects[run.id] then return end
  self.suspects[run.id] = nil
  tx:add("death.drop", { run = run.id })
end

--- A run whose journal cannot be played any more. `row`: as run.to_wake gives it.
function quarantine:quarantine(row, message, resting)
  if self.settling[row.id] then return end
  self:complain(("run %s cannot be brought back: %s"):format(row.run, message))
  local tx = self.store:tx()
  put_away(self, tx, row, row.tail, { code = "quarantined", number = "K7003", message = message })
  self:conclude(row.id, row.parent, tx, resting)
end

-- ---- the owner's hand ------------------------------------------------------------------

--- Let a run go on as if nothing had been: its journal is played, what it waited for stands.
-- With options as operations.resume; `audit(tx)` adds the record. Returns { scope, runs }.
function quarantine:release(row, audit)
  local tx = self.store:tx()
  tx:add("run.reopen", { id = row.id, now = self.clock() })
  tx:add("death.drop", { run = row.id })
  audit(tx)
  local ok, message, code, resting = self:commit_away(row.id, tx)
  if not ok then
    if code == "conflict" then return nil, errors.new("K1042", { name = row.run }) end
    return nil, errors.from(message, code)
  end
  self:restore(row.id, row.tail, resting)
  self:set_timer()
  return { scope = "run:" .. row.run, runs = 1 }
end

--- Give a run up that is in quarantine. Nothing of it is executed, so nothing is undone.
-- Returns the run { id, run }.
function quarantine:give_up_parked(row, why, audit)
  local tx, now = self.store:tx(), self.clock()
  tx:add("run.end", { id = row.id, state = "cancelled", tail = row.tail, steps = row.steps, cost = row.cost,
    active_ms = row.active_ms, now = now, error_codec = { code = "cancelled", by = why.by, note = why.note,
      message = "the run was given up in quarantine; nothing of it was executed, so nothing was undone" } })
  tx:add("death.drop", { run = row.id })
  audit(tx)
  self:conclude(row.id, row.parent, self.drop_what_waits(tx, row, now))
  self:cancel_children(row)
  return { id = row.id, run = row.run }
end

return quarantine
