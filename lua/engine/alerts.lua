--- What the owner should know of, as events alert.raised: { kind, agent?, run?, schedule?, mailbox?,
--- message }.
--- Methods of the engine (lua/engine.lua); only a served one raises any.
--
--   failures     an agent's last runs failed, `alert.failures` of them in a row
--   quarantined  a run brought the engine down       reconcile  nobody knows what a run's effect did
--   dead         an event could not start an agent   missed     a slot of a schedule passed
--   budget       part of a limit is used up          stopped    a budget, or a guard, stopped an agent
--   mailbox      a watched mailbox cannot be looked at
--
-- An alert has a key, so it comes once, also when a crash makes it be raised again: a row of
-- failures has the key of its first run, budgets those of their own events, and of any other
-- kind there is one an hour for each agent or schedule. So alerts that bring about what they
-- are raised for come to an end; and about an agent that listens to alert.raised none is raised.
local rfc3339 = require "rfc3339"
local where = require "where"

local alerts = {}

local kind_of_event = "alert.raised"
local hour_ms = 3600000

--- Runs beyond those that make a row that are looked at for its beginning.
local further = 32

local function listens(self, name)
  local agent = name and self.library and self.library.agents[name]
  for _, on in ipairs(agent and agent.manifest.on or {}) do
    if where.names(on.event, kind_of_event) then return true end
  end
  return false
end

--- Add an alert to a transaction, where one is to be raised. fields: agent, run, schedule, mailbox, message;
-- trust: of what its message repeats; key: one of its own instead of one an hour. Returns whether it was added.
function alerts:add_alert(tx, kind, fields, key)
  if not self.options.served or listens(self, fields.agent) then return false end
  local now = self.clock()
  key = ("%s/%s"):format(kind, key or ("%s/%s"):format(fields.schedule or fields.agent or "", rfc3339.format(now // hour_ms * hour_ms)))
  if self:rows("event.by_key", { type = kind_of_event, key = key })[1] then return false end
  tx:add("event.put", { event = self:event_id(), type = kind_of_event, key = key, now = now, trust = fields.trust or "owner",
    payload_codec = { kind = kind, agent = fields.agent, run = fields.run, schedule = fields.schedule, mailbox = fields.mailbox,
      message = fields.message } })
  return true
end

--- Raise an alert beside everything else.
function alerts:raise(kind, fields, key)
  if not self.options.served or self.closing or self.failed or self.resting then return end
  local tx = self.store:tx()
  if not self:add_alert(tx, kind, fields, key) then return end
  self:task(function()
    if not self:commit(tx) then return end
    if self.on_change then self.on_change "events" end
    self:pump()
  end, 0)
end

local is_failure = { failed = true, compensated = true, diverged = true, quarantined = true }

--- The failures that an agent's newest runs are, up to the first that is none: how many, and the
-- oldest. What is open, or was cancelled, says nothing.
local function failures_of(self, name, most)
  local n, oldest = 0, nil
  for _, row in ipairs(self:list { agent = name, limit = most }) do
    if is_failure[row.state] then
      n, oldest = n + 1, row
    elseif row.ended and row.state ~= "cancelled" then
      break
    end
  end
  return n, oldest
end

local function look_at_failures(self, row)
  local wanted = self.settings.alert.failures
  local n, oldest = failures_of(self, row.agent, wanted + further)
  if n < wanted or n >= wanted + further then return end
  self:raise("failures", { agent = row.agent, run = row.run, message = ("%d runs of %s failed in a row"):format(n, row.agent) },
    row.agent .. "/" .. oldest.run)
end

--- A run is over, or waits, and the store says so.
function alerts:rested(id)
  if self.on_rest then self.on_rest(id) end
  if not self.options.served or self.closing or self.failed then return end
  local row = self:rows("run.by_id", { id = id })[1]
  if not row then return end
  if row.state == "needs_reconciliation" then
    self:raise("reconcile", { agent = row.agent, run = row.run,
      message = ("nobody knows whether run %s of %s did what it was about to do: keel reconcile"):format(row.run, row.agent) })
  elseif is_failure[row.state] then
    look_at_failures(self, row)
  end
end

return alerts
