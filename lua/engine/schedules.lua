--- Schedules: slots planned, taken when they are due, and runs begun for them.
--
-- Methods of the engine (lua/engine.lua), in a file of their own. When slots are is
-- slots.lua's; their rows are in src/store_sqlite_schedules.c. One at a time here: what
-- plans, takes and starts slots holds `alone`.
--
-- Only an engine opened with `schedules = true` (keel serve) fires anything: a command
-- that opens the home for a moment begins nothing by the clock.
local errors = require "errors"
local json = require "json"
local loop = require "loop"
local rfc3339 = require "rfc3339"
local slots = require "slots"
local trigger = require "trigger"

local schedules = {}

--- A slot that is this late is on time: the engine looks at least every minute.
local on_time_ms = 60000

--- Rows of the past that each schedule keeps.
local kept_slots = 1000

--- The most that one downtime writes, fewer than are kept.
local most_told = 900

--- The most that wait in a queue, or are caught up, of one schedule.
local most_waiting = 100

local function alone(self, fn, ...)
  while self.slots_busy do
    loop.await(function(wake) table.insert(self.slots_busy, wake) end)
  end
  local waiting = {}
  self.slots_busy = waiting
  local result = table.pack(pcall(fn, self, ...))
  self.slots_busy = nil
  for _, wake in ipairs(waiting) do wake() end
  if not result[1] then error(result[2], 0) end
  return table.unpack(result, 2, result.n)
end

-- ---- what the library says ------------------------------------------------------------

--- What decides about a schedule's times, as text: the same text, the same slots.
local function spec_of(def)
  return assert(json.encode { kind = def.kind, cron = def.cron, every_ms = def.every_ms, from_ms = def.from_ms,
    at_ms = def.at_ms, zone = def.zone, gap = def.gap, fold = def.fold, jitter_ms = def.jitter_ms })
end

--- Every schedule that the loaded agents declare: id -> { id, agent, def, spec, slots }.
local function declared(self)
  local list = {}
  for _, agent in pairs(self.library.agents) do
    for id, def in pairs(trigger.schedules(agent.manifest, self.settings.zone)) do
      local found, message = slots.of(def)
      if found then
        list[id] = { id = id, agent = agent.name, def = def, spec = spec_of(def), slots = found }
      else
        self:complain(("schedule '%s': %s"):format(id, message))
      end
    end
  end
  return list
end

local function rows_by_id(self)
  local list = {}
  for _, row in ipairs(self:rows("schedule.list", {})) do list[row.id] = row end
  return list
end

-- ---- planning -------------------------------------------------------------------------

local function key_of(entry, slot)
  return { schedule = entry.id, slot = slot.slot, wall = slot.wall }
end

local function skip(self, tx, entry, slot, reason, n)
  local row = key_of(entry, slot)
  row.due, row.reason, row.n, row.now = entry.slots:due(entry.id, slot.slot), reason, n or 1, self.clock()
  tx:add("slot.skip", row)
end

--- The first slot after an instant that is not dealt with, and what is passed over on
--- the way.
local function free_slot(self, entry, after)
  local passed = {}
  while true do
    local slot, skipped = entry.slots:after(after)
    table.move(skipped, 1, #skipped, #passed + 1, passed)
    if not slot then return nil, passed end
    if not self:rows("slot.taken", key_of(entry, slot))[1] then return slot, passed end
    after = slot.slot
  end
end

--- Plan that slot.
local function plan(self, tx, entry, after)
  local slot, passed = free_slot(self, entry, after)
  for _, one in ipairs(passed) do skip(self, tx, entry, one, one.reason) end
  if not slot then return end
  local row = key_of(entry, slot)
  row.due, row.now = entry.slots:due(entry.id, slot.slot), self.clock()
  tx:add("slot.plan", row)
end

--- From when on a new schedule has slots: now; one time is kept however late it is, and
--- what catches up decides.
local function beginning(self, entry)
  return entry.def.kind == "at" and entry.def.at_ms - 1 or self.clock()
end

local function take_in(self, tx, entry, row)
  if row and row.spec == entry.spec and row.standing == "on" then return end
  tx:add("schedule.put", { id = entry.id, agent = entry.agent, spec = entry.spec, zone = entry.def.zone, now = self.clock() })
  local changed = row and row.spec ~= entry.spec
  if row and row.slot and not changed then return end -- it was broken, and its slot has waited
  if changed then tx:add("slot.forget", { schedule = entry.id, now = self.clock() }) end
  if row and row.slot then skip(self, tx, entry, row, "changed") end
  plan(self, tx, entry, beginning(self, entry))
end

--- What no manifest names any more; a file that has an error now is waited for.
local function let_go(self, tx, row)
  local broken = self.library.broken["agent/" .. row.agent] and not self.library.agents[row.agent]
  local standing = broken and "broken" or "gone"
  if row.standing == standing then return end
  tx:add("schedule.stand", { id = row.id, standing = standing, now = self.clock() })
  if broken then return end
  if row.slot then
    tx:add("slot.skip", { schedule = row.id, slot = row.slot, wall = row.wall, due = row.due, reason = "gone", n = 1,
      now = self.clock() })
  end
  tx:add("slot.drop_queued", { schedule = row.id, reason = "gone", now = self.clock() })
end

--- When the clock was set back, slots may lie ahead again. What was begun for them stands
--- in their rows, so only those are planned that were missed or are new.
local function plan_back(self, tx, entry, row)
  local slot = row.slot and free_slot(self, entry, self.clock())
  if not slot or slot.slot >= row.slot then return end
  skip(self, tx, entry, row, "clock")
  plan(self, tx, entry, self.clock())
end

local function sync(self)
  local wanted, rows, tx = declared(self), rows_by_id(self), self.store:tx()
  for _, id in ipairs(json.sorted_keys(wanted)) do
    local entry, row = wanted[id], rows[id]
    entry.paused = row and row.paused or false
    take_in(self, tx, entry, row)
    if row and row.standing == "on" and row.spec == entry.spec then plan_back(self, tx, entry, row) end
  end
  for _, id in ipairs(json.sorted_keys(rows)) do
    if not wanted[id] then let_go(self, tx, rows[id]) end
  end
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  self.schedules = wanted
  return true
end

--- Make the rows fit the loaded agents: new schedules are planned, changed ones planned
--- anew, those that are gone given up. Returns true, or nil, err.
function schedules:sync_schedules()
  local ok, err = alone(self, sync)
  if ok and self.options.schedules then self:fire_slots() end
  return ok, err
end

-- ---- taking what is due ------------------------------------------------------------------

--- The slots of a schedule that are due, oldest first, from the planned one on; the one
--- that is not due yet, when it is known; and how many there are between the first and
--- the second of the list.
local function due_of(self, entry, row, now)
  local list, older, passed = entry.slots:between(row.slot, now, most_told)
  table.insert(list, 1, { slot = row.slot, wall = row.wall })
  local ahead
  while #list > 1 and entry.slots:due(entry.id, list[#list].slot) > now do ahead = table.remove(list) end
  return list, ahead, older, passed
end

--- Which of the slots that are due are to fire: a set of their places.
local function chosen(entry, list, now)
  local keep, within = entry.def.catch_up.keep, entry.def.catch_up.within_ms
  local function late(i) return now - entry.slots:due(entry.id, list[i].slot) end
  local set, newest = {}, #list
  if entry.paused then return set end
  if late(newest) <= on_time_ms or keep ~= "none" and late(newest) <= within then set[newest] = true end
  if keep == "all" then
    for i = newest - 1, math.max(1, newest - most_waiting + 1), -1 do
      if late(i) <= within then set[i] = true end
    end
  end
  return set
end

local function missed_some(self, tx, entry, n)
  self.missed = self.missed or {}
  self.missed[entry.id] = (self.missed[entry.id] or 0) + n
  return self:add_alert(tx, "missed", { agent = entry.agent, schedule = entry.id,
    message = ("schedule %s missed %d of its times"):format(entry.id, n) })
end

local function take(self, entry, row)
  local now, tx = self.clock(), self.store:tx()
  local list, ahead, older, passed = due_of(self, entry, row, now)
  local set, missed = chosen(entry, list, now), 0
  for _, one in ipairs(passed) do skip(self, tx, entry, one, one.reason) end
  for i, slot in ipairs(list) do
    local due = entry.slots:due(entry.id, slot.slot)
    if set[i] then
      local fields = key_of(entry, slot)
      fields.due, fields.now, fields.reason = due, now, now - due > on_time_ms and "caught_up" or nil
      tx:add("slot.queue", fields)
    else
      local n = i == 1 and older + 1 or 1
      skip(self, tx, entry, slot, entry.paused and "paused" or "missed", n)
      if not entry.paused then missed = missed + n end
    end
  end
  plan(self, tx, entry, ahead and ahead.slot - 1 or list[#list].slot)
  tx:add("slot.prune", { schedule = entry.id, keep = kept_slots })
  local told = missed > 0 and missed_some(self, tx, entry, missed)
  local ok, message = self:commit(tx)
  if ok and told then self:pump() end
  return ok, message
end

--- Take every slot that is due; of one schedule only, when told.
local function take_due(self, only)
  for _, row in ipairs(self:rows("slot.due", { now = self.clock() })) do
    local entry = self.schedules[row.schedule]
    if entry and (not only or only == entry.id) then
      local ok, message = take(self, entry, row)
      if self.failed then return end
      if not ok then self:complain(("schedule '%s': %s"):format(entry.id, message)) end
    end
  end
end

-- ---- starting ---------------------------------------------------------------------------

--- A slot that waits is not begun.
local function drop(self, entry, row, reason)
  local tx, fields = self.store:tx(), key_of(entry, row)
  fields.reason, fields.now = reason, self.clock()
  tx:add("slot.drop", fields)
  self:commit(tx)
end

local function refused(self, entry, row, err)
  if self.failed or err.number == "K9007" then return end -- somebody else took it
  drop(self, entry, row, "refused " .. err.number)
  if self.options.on_refused then
    self.options.on_refused { event = "schedule", key = entry.id, agent = entry.agent, err = err }
  else
    self:complain(("schedule '%s' could not start: %s"):format(entry.id, err.message))
  end
end

--- A slot that is to be gathered with events goes the way of events: it is published to its
--- agent in one transaction with its row, and the bus begins the run.
local function hand_over(self, entry, row, input)
  local tx, fields = self.store:tx(), key_of(entry, row)
  self:address(tx, entry.agent, { key = input.key, payload = input })
  fields.reason, fields.now = "coalesced", self.clock()
  tx:add("slot.start", fields)
  if self:commit(tx) then self:admit() end
end

--- Begin the run of a slot, in one transaction with its row: whenever the engine dies,
--- the slot has its run or is still to be started.
local function begin(self, entry, row)
  local input = trigger.envelope(entry.id, entry.def, row)
  if entry.def.coalesce_ms then return hand_over(self, entry, row, input) end
  local function started(tx, run)
    local fields = key_of(entry, row)
    fields.run, fields.now = run.id, self.clock()
    tx:add("slot.start", fields)
  end
  local run, err = self:start(entry.agent, input, { key = "schedule/" .. input.key, also = started, admitted = true })
  if not run then return refused(self, entry, row, err) end
  if not run.old then return end
  local tx = self.store:tx()
  started(tx, run)
  self:commit(tx)
end

--- A run of this schedule is not over: what becomes of the slots that wait.
local blocked = {}

function blocked.skip(self, entry, waiting)
  for _, row in ipairs(waiting) do drop(self, entry, row, "overlap") end
end

function blocked.queue_one(self, entry, waiting)
  for i = 2, #waiting do drop(self, entry, waiting[i], "overlap") end
end

function blocked.queue_all(self, entry, waiting)
  for i = most_waiting + 1, #waiting do drop(self, entry, waiting[i], "queue_full") end
end

--- The newest goes ahead when the run before it is over; one with an open question about
--- what it did cannot be given up, and stands in the way.
function blocked.cancel_previous(self, entry, waiting, live)
  for i = 1, #waiting - 1 do drop(self, entry, waiting[i], "overlap") end
  for _, run in ipairs(live) do
    local _, err = self:cancel(run.run, { by = "schedule", message = "the next run of its schedule is due" })
    -- one that ended meanwhile is an error, too
    if err and err.number == "K7007" then return drop(self, entry, waiting[#waiting], "overlap") end
  end
end

--- The agent is held by a person: what can wait, waits.
local function held(self, entry, waiting)
  local overlap = entry.def.overlap
  if overlap == "queue_one" or overlap == "queue_all" then return blocked[overlap](self, entry, waiting) end
  for _, row in ipairs(waiting) do drop(self, entry, row, "paused") end
end

local function start_waiting(self, entry, waiting)
  if entry.paused then
    for _, row in ipairs(waiting) do drop(self, entry, row, "paused") end
    return
  end
  while waiting[1] and not self.failed do
    if self.paused and (self:paused(entry.agent) or self:agent_state(entry.agent) ~= "on") then return held(self, entry, waiting) end
    local live = entry.def.overlap == "allow" and {} or self:rows("slot.live", { schedule = entry.id })
    if live[1] then return blocked[entry.def.overlap](self, entry, waiting, live) end
    begin(self, entry, table.remove(waiting, 1))
  end
end

local function start_slots(self)
  local by_schedule = {}
  for _, row in ipairs(self:rows("slot.queued", {})) do
    by_schedule[row.schedule] = by_schedule[row.schedule] or {}
    table.insert(by_schedule[row.schedule], row)
  end
  for _, id in ipairs(json.sorted_keys(by_schedule)) do
    local entry = self.schedules[id]
    if entry and not self.failed then start_waiting(self, entry, by_schedule[id]) end
  end
  self.slots_queued = not self.failed and self:rows("slot.queued", {})[1] ~= nil
end

-- ---- the alarm ----------------------------------------------------------------------------

--- Take what is due and start what waits, beside everything else. Called twice it looks
--- twice, one after the other.
function schedules:fire_slots()
  if not self.options.schedules or not self.schedules or self.closing then return end
  self.slots_again = true
  if self.slots_firing then return end
  self.slots_firing = true
  self:task(function()
    local ok, message = xpcall(function()
      while self.slots_again and not self.failed do
        self.slots_again = false
        alone(self, function()
          take_due(self)
          start_slots(self)
        end)
      end
    end, debug.traceback)
    self.slots_firing = false
    if self.failed then return end
    if not ok then self:complain(message) end
    self:set_timer(self.timers_after)
  end)
end

--- The same where there is something to take or to start.
function schedules:fire_due_slots(now)
  if not self.options.schedules or not self.schedules then return end
  local due = (self:rows("slot.next", {})[1] or {}).due
  if self.slots_queued or due and due <= now then self:fire_slots() end
end

--- The earlier of `due` (or nil) and the next slot; what waits in a queue is looked at
--- now and then, since what holds it may be let go by another hand.
function schedules:next_slot(due)
  if not self.options.schedules or not self.schedules or self.slots_firing then return due end
  local now = self.clock()
  if now < (self.slots_looked or now) then -- set back, perhaps far
    self:task(function() self:sync_schedules() end)
  end
  self.slots_looked = now
  local next_due = (self:rows("slot.next", {})[1] or {}).due
  if self.slots_queued then next_due = math.min(next_due or math.maxinteger, now + on_time_ms) end
  return next_due and math.min(next_due, due or math.maxinteger) or due
end

--- A run is over: its schedule may go on.
function schedules:slots_over()
  if self.slots_queued or self.slots_firing then self:fire_slots() end
end

--- Take up schedules when the home is opened for serving.
function schedules:open_schedules()
  if not self.options.schedules then return end
  self.slots_queued = true
  self:task(function()
    local ok, err = self:sync_schedules()
    if not ok and not self.failed then self:complain(tostring(err)) end
  end)
end

-- ---- what people ask ------------------------------------------------------------------------

--- What stands there for every schedule, by id: { schedule, agent, spec, zone, state =
--- "on" | "paused" | "broken", overlap, jitter_ms, next, next_local, due, last = { slot,
--- state, reason, run } }.
function schedules:schedule_list()
  local list, entries, rows = json.array {}, declared(self), rows_by_id(self)
  for id, row in pairs(rows) do
    if not entries[id] and row.standing == "broken" then entries[id] = { id = id, agent = row.agent } end
  end
  for _, id in ipairs(json.sorted_keys(entries)) do
    local entry, row = entries[id], rows[id]
    local fresh = not (row and row.spec == entry.spec and row.standing == "on")
    local slot = entry.slots and (fresh and entry.slots:after(beginning(self, entry)) or row and row.slot and row) or nil
    local last = self:rows("slot.log", { schedule = id, limit = 1 })[1]
    list[#list + 1] = { schedule = id, agent = entry.agent, spec = entry.def and trigger.text(entry.def),
      zone = entry.def and entry.def.zone or row.zone,
      state = not entry.def and "broken" or row and row.paused and "paused" or "on",
      overlap = entry.def and entry.def.overlap, jitter_ms = entry.def and entry.def.jitter_ms,
      next = slot and rfc3339.format(slot.slot), next_local = slot and slot.wall,
      due = slot and rfc3339.format(entry.slots:due(id, slot.slot)),
      last = last and { slot = rfc3339.format(last.slot), state = last.state, reason = last.reason, run = last.run } }
  end
  return list
end

--- The next `count` firings after `from` (ms; nil: what is planned, from now on) of every
--- schedule, or of an agent's: { schedule, agent, at, due, local, zone }, in their order.
--- What is paused does not fire.
function schedules:next_firings(count, from, agent)
  local heads, rows = {}, rows_by_id(self)
  for id, entry in pairs(declared(self)) do
    local row = rows[id]
    if not (row and row.paused) and (not agent or agent == entry.agent) then
      local planned = not from and row and row.slot and row.spec == entry.spec and row
      local slot = planned or entry.slots:after(from or beginning(self, entry))
      if slot then heads[#heads + 1] = { entry = entry, slot = slot } end
    end
  end
  local list = json.array {}
  while #list < count and heads[1] do
    table.sort(heads, function(a, b)
      if a.slot.slot ~= b.slot.slot then return a.slot.slot < b.slot.slot end
      return a.entry.id < b.entry.id
    end)
    local head = heads[1]
    local entry, slot = head.entry, head.slot
    list[#list + 1] = { schedule = entry.id, agent = entry.agent, at = rfc3339.format(slot.slot),
      due = rfc3339.format(entry.slots:due(entry.id, slot.slot)), ["local"] = slot.wall, zone = entry.def.zone }
    head.slot = entry.slots:after(slot.slot)
    if not head.slot then table.remove(heads, 1) end
  end
  return list
end

--- The schedule that a person meant: its id, or the last part of exactly one. Returns the
--- id, or nil, err.
function schedules:schedule_named(name)
  local known, same = {}, {}
  for _, row in ipairs(self:schedule_list()) do
    known[row.schedule] = true
    if row.schedule:match("[^/]*$") == name then same[#same + 1] = row.schedule end
  end
  if known[name] then return name end
  if #same == 1 then return same[1] end
  if #same > 1 then
    return nil, errors.new("K1004", { name = name, detail = "it stands for " .. table.concat(same, " and "),
      next = "keel schedule" })
  end
  return nil, errors.new("K1007", { kind = "schedule", name = name, suggestion = require("suggest").nearest(name, known),
    next = "keel schedule" })
end

--- Past slots, newest first: { schedule, slot, local, due, state, reason, count, run,
--- run_state, at }. `options`: schedule, state, limit (100).
function schedules:slot_log(options)
  local list = json.array {}
  for i, row in ipairs(self:rows(options.schedule and "slot.log" or "slot.log_all", { schedule = options.schedule,
    state = options.state, limit = options.limit or 100 })) do
    list[i] = { schedule = row.schedule, slot = rfc3339.format(row.slot), ["local"] = row.wall,
      due = rfc3339.format(row.due), state = row.state, reason = row.reason, count = row.n, run = row.run,
      run_state = row.run_state, at = rfc3339.format(row.at) }
  end
  return list
end

local function set_paused(self, id, paused, options)
  local entry = self.schedules[id]
  if not paused then take_due(self, id) end -- what was due until now was paused
  local tx, now = self.store:tx(), self.clock()
  local who = options.by or self.settings.owner or "owner"
  tx:add("schedule.pause", { id = id, paused = paused and 1 or 0, now = now })
  tx:add("audit.put", { now = now, who = who, what = "schedule." .. (paused and "pause" or "resume"), subject = id,
    channel = options.channel })
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  entry.paused = paused
  return true
end

--- Hold a schedule, or let it go again: what is due meanwhile is skipped. Durable when it
--- returns. `options`: by, channel. Returns the id, or nil, err.
function schedules:pause_schedule(name, paused, options)
  local id, err = self:schedule_named(name)
  if not id then return nil, err end
  local ok
  ok, err = alone(self, function()
    local synced, problem = sync(self)
    if not synced then return nil, problem end
    if not self.schedules[id] then
      return nil, errors.new("K1015", { kind = "schedule", name = id, state = "broken", action = "held or let go",
        next = "keel agents" })
    end
    return set_paused(self, id, paused, options or {})
  end)
  if not ok then return nil, err end
  self:fire_slots()
  return id
end

--- Begin a run of a schedule now, beside its plan: overlap and pauses are not asked, a person
--- wants it. Returns the run { run, agent, id }, or nil, err.
function schedules:trigger_schedule(name, options)
  local id, err = self:schedule_named(name)
  if not id then return nil, err end
  local entry, now = declared(self)[id], self.clock()
  if not entry then
    return nil, errors.new("K1015", { kind = "schedule", name = id, state = "broken", action = "fired", next = "keel agents" })
  end
  local input = trigger.envelope(id, entry.def, { slot = now,
    wall = rfc3339.format(now + assert(require("zone").open(entry.def.zone)):offset(now)):sub(1, 16) })
  return self:start(entry.agent, input, { also = function(tx, run)
    tx:add("audit.put", { now = now, who = (options or {}).by or self.settings.owner or "owner", what = "schedule.fire", subject = id,
      run = run.run, channel = (options or {}).channel })
  end })
end

return schedules
