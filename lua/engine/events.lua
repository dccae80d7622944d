--- Events as they are published, looked at, tried again and given up. How they are
--- delivered is bus.lua's.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local clock = require "core.clock"
local crash = require "core.crash"
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"
local rfc3339 = require "rfc3339"

local events = {}

--- An id for an event, as people and programs name it.
function events:event_id()
  return digest.make_id("evt", self.clock(), clock.random())
end

--- How long a seal is remembered: longer than the request that it is of can be used.
local seal_ms = 3600000

--- Publish an event: durable when it returns. Options: key (unique for ever for its type),
--- trust ("owner"), seal (the signature it came with, which brings one event), id (from
---- engine:event_id, when it has to be known before), quiet (one that is known is not even
--- counted: who looks at the same thing again and again), agent (who alone gets it, whether
--- it listens or not), private (its words stem from private memory), also(tx) (adds what becomes
--- true together with it).
-- Returns { new = bool, id, number }, or nil, err. One that is known is only counted.
function events:emit(kind, payload, options)
  options = options or {}
  if not utf8.len(kind) or options.key and not utf8.len(options.key) then
    return nil, errors.new("K1004", { name = "the event", detail = "its type and its key are UTF-8 text" })
  end
  local known = options.quiet and options.key and self:rows("event.by_key", { type = kind, key = options.key })[1]
  if known then return { new = false, id = known.id, number = known.number } end
  local tx, now = self.store:tx(), self.clock()
  local event = { event = options.id or self:event_id(), type = kind, key = options.key, seal = options.seal,
    payload_codec = payload, now = now, trust = options.trust or "owner", agent = options.agent }
  if event.seal then tx:add("event.sealed_again", event) end
  tx:add("event.put", event)
  if options.private then tx:add("uses.private_event", { event = event.event }) end
  if options.also then options.also(tx) end
  if event.seal then tx:add("seal.put", event):add("seal.forget", { before = now - seal_ms }) end
  crash.point "emit"
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  crash.point "emitted"
  local row = self:rows("event.by_id", { id = event.event })[1]
  local new = row ~= nil
  row = row or event.seal and self:rows("event.by_seal", event)[1] or self:rows("event.by_key", event)[1]
  if new and self.on_change then self.on_change("events") end
  if new then self:pump() end
  return { new = new, id = row.id, number = row.number }
end

--- A delivery that became no run: what a command that published the event says of it.
function events:refuse_event(event, agent, err)
  self.refused = self.refused or {}
  table.insert(self.refused, { event = event.type, id = event.id, key = event.key, agent = agent, err = err })
end

-- ---- the owner's view -----------------------------------------------------------------

--- What a delivery waits for, where that is in its state.
local reasons = { waiting = "window", blocked = "order" }

local function delivery_of(row)
  local state = row.state == "merged" and row.carrier_state or row.state
  return { agent = row.agent, key = row.key, trigger = row.queue:match("#(.*)$"),
    state = reasons[state] and "queued" or state, waits_for = reasons[state],
    due = reasons[state] == "window" and row.due and rfc3339.format(row.due) or nil,
    gathered = row.state == "merged" or nil, wakes = row.seq and true or nil, run = row.run, run_state = row.run_state,
    reason = row.error, at = rfc3339.format(row.updated), duplicates = row.duplicates > 0 and row.duplicates or nil }
end

local function event_of(self, row, whole)
  local event = { id = row.id, type = row.type, key = row.key, state = row.state, time = rfc3339.format(row.time),
    trust = row.trust, agent = row.agent, duplicates = row.duplicates,
    duplicate_at = row.duplicate_at and rfc3339.format(row.duplicate_at), deliveries = json.array {} }
  if whole then event.payload, event.number = row.payload, row.number end
  for i, one in ipairs(self:rows("event.deliveries", { number = row.number })) do event.deliveries[i] = delivery_of(one) end
  return event
end

--- Events, newest first, with where they went. Filters: type ("mail.*" for a beginning),
--- state (an event's new, done; or queued, started, dead, dropped of a delivery), agent,
--- since (ms), limit (50).
function events:event_list(filter)
  filter = filter or {}
  local of_event = filter.state == "new" or filter.state == "done"
  local rows = self:rows(filter.state == "dead" and "event.list_dead" or "event.list", { type = filter.type,
    prefix = filter.type and filter.type:match("^(.*)%*$"), agent = filter.agent, since = filter.since,
    is = of_event and filter.state or nil, state = not of_event and filter.state or nil, limit = filter.limit or 50 })
  local list = json.array {}
  for i, row in ipairs(rows) do list[i] = event_of(self, row) end
  return list
end

--- One event by its id or the beginning of it: as in the list, with its payload and its
--- number; or nil, err.
function events:event(id)
  local row = self:rows("event.by_id", { id = id })[1]
  if row then return event_of(self, row, true) end
  local found = self:rows("event.prefix", { prefix = id })
  if #found == 1 then return event_of(self, self:rows("event.by_id", { id = found[1].id })[1], true) end
  if #found == 0 then return nil, errors.new("K1007", { kind = "event", name = id, next = "keel events" }) end
  return nil, errors.new("K1008", { name = id, count = #found, next = "keel events" })
end

-- ---- the owner's hand -----------------------------------------------------------------

local function change(self, what, subject, options, fill)
  local tx, now = self.store:tx(), self.clock()
  fill(tx, now)
  tx:add("audit.put", { now = now, who = options.by or self.settings.owner or "owner", what = what, subject = subject, channel = options.channel })
  return self:commit(tx)
end

--- Have what is dead tried again: of one event (options.id), of one agent (options.agent),
--- or all; by, channel: who wants it. Returns how many are queued now, or nil, err.
function events:retry_dead(options)
  local number
  if options.id then
    local event, err = self:event(options.id)
    if not event then return nil, err end
    number = event.number
  end
  return self:exclusive(function()
    local filter = { event = number, agent = options.agent, reason = options.reason }
    local count = self:rows("delivery.count_dead", filter)[1].n
    if count == 0 then return 0 end
    local ok, message, code = change(self, "events.retry", options.id or options.agent or "all", options, function(tx, now)
      filter.now = now
      tx:add("delivery.retry", filter)
    end)
    if not ok then return nil, errors.from(message, code) end
    return count
  end)
end

--- What a fault of ours kept from starting is tried again by the next process.
function events:try_faults_again()
  if self:rows("delivery.count_dead", { reason = "K9009" })[1].n == 0 then return end
  local tx = self.store:tx()
  tx:add("delivery.retry", { reason = "K9009", now = self.clock() })
  assert(self.store:commit(tx))
end

--- Give up what has not started of an event, for all agents or one. Returns the event, or
--- nil, err when nothing of it waits any more.
function events:drop_event(id, agent, options)
  local event, err = self:event(id)
  if not event then return nil, err end
  return self:exclusive(function()
    local ok, message, code = change(self, "events.drop", event.id, options or {}, function(tx, now)
      tx:add("delivery.drop", { event = event.number, agent = agent, now = now })
    end)
    if ok then return self:event(event.id) end
    if code ~= "conflict" then return nil, errors.from(message, code) end
    return nil, errors.new("K1015", { kind = "event", name = event.id, state = "delivered", action = "dropped",
      next = "keel events show " .. event.id })
  end)
end

--- Publish what lies in the watched folders. Returns the number of new events and a
--- list of { file, err } for what could not be read.
function events:scan_inbox()
  return require("inbox").scan(self)
end

return events
