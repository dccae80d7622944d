--- The event bus: from events to deliveries, from deliveries to runs.
--
--   event new --fan_out--> deliveries, given waits --admission--> runs, woken runs
--
-- Both arrows are transactions (src/store_sqlite_bus.c): an event is marked done in the
-- one that makes its deliveries, a delivery is marked started in the one that starts its
-- run. So a crash at any point loses nothing and starts nothing twice, and there is
-- nothing to remember here but who is at work.
--
-- A lane is what runs are counted in: an agent that says `concurrency = N` has one of its
-- own with N places, all others share one with a single place. Whoever is at work takes a
-- place, however it came to be; who waits takes none. In the shared lane the next begins
-- when the last is over or waits, in the order of deliveries: so what one run writes the
-- next one finds, in the same order after a crash as before.
--
-- Methods of the engine (lua/engine.lua).
local crash = require "core.crash"
local errors = require "errors"
local json = require "json"
local loop = require "loop"
local where = require "where"

local bus = {}

-- ---- who listens ---------------------------------------------------------------------

--- Triggers with the queue that each feeds: "agent#mail.*", "agent#mail.*#2".
local function with_queues(agent, triggers)
  local list, seen = {}, {}
  for _, on in ipairs(triggers) do
    local what = on.event or "schedule"
    seen[what] = (seen[what] or 0) + 1
    list[#list + 1] = { on = on, queue = ("%s#%s%s"):format(agent, what, seen[what] > 1 and "#" .. seen[what] or "") }
  end
  return list
end

--- What is known of an agent's triggers: by its manifest, or, while that is broken, by
-- the last that was good.
local function triggers_of(self, name)
  local agent = self.library.agents[name]
  if agent then
    agent.triggers = agent.triggers or with_queues(name, agent.manifest.on)
    return agent.triggers
  end
  local kept = self.library.broken["agent/" .. name] and self:subscriptions()[name]
  return kept and with_queues(name, kept.triggers) or {}
end

--- The subscriptions as they were last noted: agent -> { hash, triggers }.
function bus:subscriptions()
  if not self.noted then
    self.noted = {}
    for _, row in ipairs(self:rows("subscription.list", {})) do self.noted[row.agent] = row end
  end
  return self.noted
end

--- Note the triggers of agents that are new or changed: an event that comes while such an
--- agent is broken must find out that it is for it.
local function note_subscriptions(self)
  if self.noted_library == self.library then return end
  local noted, tx, any = self:subscriptions(), self.store:tx(), false
  for _, name in ipairs(json.sorted_keys(self.library.agents)) do
    local agent = self.library.agents[name]
    if not noted[name] or noted[name].hash ~= agent.hash then
      local triggers = json.array {}
      for _, on in ipairs(agent.manifest.on) do triggers[#triggers + 1] = on.event and on or nil end
      noted[name], any = { agent = name, hash = agent.hash, triggers = triggers }, true
      tx:add("subscription.put", { agent = name, hash = agent.hash, triggers_json = triggers })
    end
  end
  self.noted_library = self.library
  if any then assert(self:commit(tx)) end
end

local function hears(on, event)
  if event.agent then return on.event == nil end
  return where.names(on.event, event.type) and where.matches(on.where, event.payload)
end

local function names_of_agents(self)
  local set = {}
  for name in pairs(self.library.agents) do set[name] = true end
  for name in pairs(self:subscriptions()) do set[name] = true end
  return json.sorted_keys(set)
end

--- The deliveries of an event: { agent, queue, on, key }, in the order of names. An event
--- that is addressed to one agent (a schedule's) needs no trigger that fits.
local function subscribers(self, event)
  local list = {}
  for _, name in ipairs(event.agent and { event.agent } or names_of_agents(self)) do
    local taken = {}
    for _, one in ipairs(triggers_of(self, name)) do
      if hears(one.on, event) then
        local key = event.key or where.text(event.payload, one.on.key) or ("#" .. event.number)
        if not taken[key] then list[#list + 1] = { agent = name, queue = one.queue, on = one.on, key = event.type .. "/" .. key } end
        taken[key] = true
        if event.agent then break end
      end
    end
    if event.agent and not next(taken) then
      list[1] = { agent = name, queue = name .. "#schedule", on = {}, key = event.type .. "/" .. (event.key or "#" .. event.number) }
    end
  end
  return list
end

-- ---- fanning out -----------------------------------------------------------------------

local function priority_of(on, payload)
  local value = on.priority
  if type(value) == "string" then value = where.field(payload, value) end
  return type(value) == "number" and value == value and value or 0
end

--- The window that a delivery waits in: when it ends, and how long it may grow.
local function window_of(on, now)
  if not on.debounce_ms and not on.coalesce_ms then return nil end
  local until_ms = on.coalesce_ms and now + on.coalesce_ms
  local due = on.debounce_ms and now + on.debounce_ms or until_ms
  return until_ms and math.min(due, until_ms) or due, on.debounce_ms and until_ms or nil
end

local function put_delivery(self, event, to, now, ops)
  local on, payload = to.on, event.payload
  local due, until_ms = window_of(on, now)
  local order = where.text(payload, on.order)
  ops[#ops + 1] = { "queue.put", { queue = to.queue, agent = to.agent } }
  ops[#ops + 1] = { "delivery.put", { agent = to.agent, key = to.key, event = event.number, queue = to.queue,
    priority = priority_of(on, payload), fair = on.fair and (where.text(payload, on.fair) or ""), order = order,
    group = due and (order or ""), due = due, debounce = on.debounce_ms, ["until"] = until_ms, now = now } }
end

local function give(event, wait, now, ops)
  local fields = { run = wait.run, seq = wait.seq, event = event.number, now = now }
  ops[#ops + 1] = { "wait.give", fields }
  ops[#ops + 1] = { "queue.put", { queue = wait.agent .. "#wait", agent = wait.agent } }
  ops[#ops + 1] = { "delivery.wake", fields }
end

--- The changes that make an event delivered.
local function plan(self, event, now)
  local ops = {}
  for _, to in ipairs(subscribers(self, event)) do put_delivery(self, event, to, now, ops) end
  local waits = event.agent and {} or self:rows("wait.fitting", { type = event.type, probes_json = where.probes(event.payload) })
  for _, wait in ipairs(waits) do
    if where.matches(wait.match, event.payload) then give(event, wait, now, ops) end
  end
  ops[#ops + 1] = { "event.done", { id = event.number } }
  return ops
end

local function planned(self, event, now)
  local ok, ops = xpcall(plan, debug.traceback, self, event, now)
  if ok then return ops end
  if self.failed then error(self.failed, 0) end
  self.set_aside[event.number] = true
  self:complain(ops)
  return {}
end

--- Fan out what is new: whole events, some in one transaction. A fault of ours in one
--- leaves that one new, for the next time that this home is opened. Returns how many.
local function fan_out(self)
  local fresh, now = {}, self.clock()
  for _, event in ipairs(self:rows("event.new", {})) do
    if not self.set_aside[event.number] then fresh[#fresh + 1] = event end
  end
  if #fresh == 0 then return 0 end
  local tx, ops = self.store:tx(), {}
  for _, event in ipairs(fresh) do
    local more = planned(self, event, now)
    table.move(more, 1, #more, #ops + 1, ops)
  end
  for _, op in ipairs(ops) do tx:add(op[1], op[2]) end
  crash.point "deliver"
  assert(self:commit(tx))
  crash.point "delivered"
  return #fresh
end

-- ---- places ----------------------------------------------------------------------------

--- The lane of an agent and its places.
local function lane_of(self, name)
  local agent = self.library.agents[name]
  local places = agent and agent.manifest.concurrency
  return places and name or "", places or 1
end

--- A run is at work: it takes a place of its lane.
function bus:entered(run)
  if self.places[run.id] then return end
  local lane = lane_of(self, run.agent)
  self.places[run.id] = lane
  self.at_work[lane] = (self.at_work[lane] or 0) + 1
  if self.on_change then self.on_change("runs", "run:" .. run.run) end
end

--- A run is over, or waits, and the store says so: its place is free.
function bus:over(id)
  if self.active[id] or self.settling[id] then return end
  local lane = self.places[id]
  if lane then
    self.places[id] = nil
    self.at_work[lane] = self.at_work[lane] - 1
  end
  if self.on_change then
    local row = self:rows("run.by_id", { id = id })[1]
    self.on_change("runs", "inbox", "costs", row and "run:" .. row.run)
  end
  self:rested(id)
  if self.backlog then self:admit() end
end

-- ---- admission ---------------------------------------------------------------------------

local function policy_of(self, head)
  for _, one in ipairs(triggers_of(self, head.agent)) do
    if one.queue == head.queue then return one.on end
  end
  return {}
end

--- Until when a queue must hold back: the starts that count are rows of the store.
local function throttled_until(self, head, now)
  local rate = policy_of(self, head).throttle
  if not rate then return nil end
  local row = self:rows("delivery.nth_start", { queue = head.queue, since = now - rate.per_ms, now = now, skip = rate.count - 1 })[1]
  return row and row.started + rate.per_ms
end

--- Why a delivery at the head of its queue may not go now; nil when it may. A second
--- result is the time at which it may.
local function held_by(self, head, now)
  if self:paused(head.agent) then return "paused" end
  if not head.seq and self:agent_state(head.agent) ~= "on" then return "stopped" end
  if head.seq and self.active[head.run] then return nil end -- it has its place already
  local lane, places = lane_of(self, head.agent)
  if (self.at_work[lane] or 0) >= places then return "place" end
  local till = throttled_until(self, head, now)
  if till then return "throttle", till end
end

--- Most that are started at once: a group commit holds them all.
local most_at_once = 64

--- How many of a head's queue may go together: as many as its lane has places and its
--- throttle leaves, where the lane has no other queue that could come between.
local function room_behind(self, head, heads, now)
  local lane, places = lane_of(self, head.agent)
  local free = places - (self.at_work[lane] or 0)
  for _, other in ipairs(heads) do
    if other ~= head and lane_of(self, other.agent) == lane then return 1 end
  end
  local rate = free > 1 and policy_of(self, head).throttle
  if rate then
    free = math.min(free, rate.count - self:rows("delivery.starts", { queue = head.queue, since = now - rate.per_ms,
      now = now })[1].n)
  end
  return math.max(1, math.min(free, most_at_once))
end

--- The deliveries that go next, of one queue; and when to look again.
local function pick(self, now)
  local heads, alarm = self:rows("delivery.heads", {}), nil
  self.backlog = #heads > 0 or self:rows("delivery.any_blocked", {})[1] ~= nil
  table.sort(heads, function(a, b)
    if a.priority ~= b.priority then return a.priority > b.priority end
    return a.id < b.id
  end)
  for _, head in ipairs(heads) do
    local why, till = held_by(self, head, now)
    if not why then
      local room = room_behind(self, head, heads, now)
      return room == 1 and { head } or self:rows("delivery.of_queue", { queue = head.queue, limit = room })
    end
    if till then alarm = math.min(alarm or till, till) end
  end
  return {}, alarm
end

local function change(self, verb, fields)
  local tx = self.store:tx()
  fields.now = self.clock()
  tx:add(verb, fields)
  return assert(self:commit(tx))
end

--- What cannot start is kept with its reason, until the owner has it tried again.
local function bury(self, head, event, err)
  local tx = self.store:tx()
  tx:add("delivery.dead", { id = head.id, reason = err.number or "K9009", now = self.clock(), error_codec = { number = err.number,
    code = err.code, message = err.message, file = err.file, line = err.line } })
  self:add_alert(tx, "dead", { agent = head.agent, trust = event.trust,
    message = ("event %s could not start %s: %s"):format(event.id, head.agent, tostring(err.message)) })
  assert(self:commit(tx))
  self:refuse_event(event, head.agent, err)
end

local function start(self, head)
  crash.point "admit"
  if head.seq then
    change(self, "delivery.start", { id = head.id, run = head.run })
    return self:wake(head.run)
  end
  local event = self:rows("delivery.event", { id = head.id })[1]
  local ok, run, err = xpcall(self.start, debug.traceback, self, head.agent, event.payload, { key = head.key,
    event = { id = event.id, type = event.type, key = event.key }, trust = event.trust,
    private = self:is_private_event(event.number), admitted = true, also = function(tx, begun)
      tx:add("delivery.start", { id = head.id, run = begun.id, now = self.clock() })
    end })
  if self.failed then error(self.failed, 0) end
  if not ok then
    self:complain(run)
    run, err = nil, errors.new("K9009", { detail = tostring(run):match("^[^\n]*") })
  end
  if not run then return bury(self, head, event, err) end
  if run.old then change(self, "delivery.start", { id = head.id, run = run.id }) end
end

--- Start deliveries side by side, in their order; returns when all are durable.
local function start_all(self, list)
  if #list < 2 then return list[1] and start(self, list[1]) end
  local left, failure = #list, nil
  loop.await(function(wake)
    local function over(why)
      left, failure = left - 1, failure or why
      if left == 0 then wake() end
    end
    for _, one in ipairs(list) do
      loop.spawn(function()
        start(self, one)
        over()
      end, over)
    end
  end)
  if failure then error(failure, 0) end
end

--- One turn: what is new is fanned out, windows that are over are closed, and what may go
--- of one queue goes. Returns whether there was anything to do, and when to look again.
local function turn(self)
  note_subscriptions(self)
  local moved, now = fan_out(self) > 0, self.clock()
  local due = (self:rows("delivery.next_due", {})[1] or {}).due
  if due and due <= now then
    change(self, "delivery.ripe", {})
    moved, due = true, nil
  end
  local list, alarm = pick(self, now)
  start_all(self, list)
  if #list > 0 then crash.point "admitted" end
  return moved or #list > 0, due and math.min(due, alarm or due) or alarm
end

function bus:set_bus_timer(due)
  if self.bus_timer then self.bus_timer:stop() end
  self.bus_timer, self.bus_due = nil, due
  if not due or self.closing then return end
  -- looked at before too, so that a clock that is set forward is noticed
  local ms = math.max(1, math.min(due - self.clock(), 60000))
  self.bus_timer = loop.timer(ms, function() self:admit() end)
end

local function let_others(self)
  self.admitting = false
  local waiting = self.bus_queue
  self.bus_queue = {}
  for _, wake in ipairs(waiting) do wake() end
end

--- Deliver what may be delivered now. Call it when something changed that deliveries
--- wait for: a new event, a resumed agent, a changed library. One does it at a time.
function bus:admit()
  self.admit_again = true
  if self.admitting or self.closing then return end
  self.admitting = true
  self:set_bus_timer(nil)
  self:task(function()
    local alarm
    local ok, message = xpcall(function()
      local moved
      repeat
        self.admit_again = false
        moved, alarm = turn(self)
      until not moved and not self.admit_again
    end, function(why) return type(why) == "table" and why or debug.traceback(why, 2) end)
    if not ok and not self.failed then self:complain(tostring(message)) end
    let_others(self)
    if ok then self:set_bus_timer(alarm) end
  end, 0)
end
bus.pump = bus.admit

--- Run `fn` while nothing is fanned out or admitted; then look again.
function bus:exclusive(fn)
  while self.admitting do
    loop.await(function(wake) table.insert(self.bus_queue, wake) end)
  end
  self.admitting = true
  local ok, value, err = pcall(fn)
  let_others(self)
  if not ok then error(value, 0) end
  self:admit()
  return value, err
end

-- ---- what others ask -----------------------------------------------------------------------

--- Whether something of an event (its number) could go now, or is about to: then a caller
--- who waits for what his event begins has to wait longer.
function bus:in_motion(number)
  if self.admitting then return true end
  local now = self.clock()
  for _, row in ipairs(self:rows("event.deliveries", { number = number })) do
    if row.state == "queued" then
      local why = held_by(self, row, now)
      if not why or why == "place" then return true end
    end
  end
  return false
end

--- Publish what is meant for one agent alone, in a transaction of the caller's: the slot of
--- a schedule. `options`: key (unique for ever for its type), payload, type ("schedule").
--- It is delivered like an event, so it is started once, waits for a place, is gathered
--- with other triggers where the agent's schedule says `coalesce`, and is kept when it
--- cannot start. Call engine:admit() when the transaction is true.
function bus:address(tx, agent, options)
  return tx:add("event.put", { type = options.type or "schedule", key = options.key, agent = agent,
    payload_codec = options.payload or {}, now = self.clock(), trust = "owner", event = self:event_id() })
end

return bus
