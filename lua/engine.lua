--- The engine of one home: it starts runs, performs their commands, wakes what waits.
--
--   local e = assert(engine.open{ home = dir })
--   local run = assert(e:start("hello", { who = "Ana" }))
--   e:drain()
--   print(e:describe(run.run).state)
--
-- C plays runs and makes their records true (src/run.c); this file decides what a
-- command means (lua/handler/KIND.lua) and when a run sleeps. A run that waits for
-- something slow is forgotten here and lives in the store alone; waking it replays
-- its journal, so the path after a crash is the path of every day.
local approvals = require "engine.approvals"
local bundle = require "engine.bundle"
local bus = require "engine.bus"
local clock = require "core.clock"
local commands = require "engine.commands"
local crash = require "core.crash"
local errors = require "errors"
local events = require "engine.events"
local file = require "file"
local json = require "json"
local library = require "library"
local loop = require "loop"
local look = require "engine.look"
local operations = require "engine.operations"
local prelude = require "prelude"
local questions = require "engine.questions"
local runs = require "core.run"
local schedules = require "engine.schedules"
local schema = require "schema"
local settings = require "settings"

local engine = setmetatable({}, { __index = look })
engine.__index = engine
for _, part in ipairs { approvals, bus, commands, events, operations, questions, schedules, require "engine.quarantine",
  require "engine.recovery", require "engine.retention", require "engine.purge", require "engine.standing", require "engine.gate",
  require "engine.overrides", require "engine.suggestions", require "engine.alerts", require "engine.mailboxes" } do
  for name, method in pairs(part) do engine[name] = method end
end

local most_woken

--- Nothing may wake this run, or ask in its name, any more.
local function drop_what_waits(tx, run, now)
  tx:add("timer.drop_run", { run = run.id })
  tx:add("wait.drop_run", { run = run.id })
  return tx:add("approval.close_run", { run = run.id, now = now })
end

engine.drop_what_waits = drop_what_waits

local function wake_all(list) for _, wake in ipairs(list or {}) do wake() end end

local run_methods = {}
run_methods.__index = run_methods

--- Records of a run that is not `running` in the store would be missed by recovery, so
--- the first of them says so.
function run_methods:mark_running(e, tx)
  if self.stored_state == "running" then return end
  self.stored_state = "running"
  tx:add("run.state", { id = self.id, state = "running", tail = self.handle:tail(), steps = self.handle:steps(),
    cost = self.handle:cost(), active_ms = self.active_ms or 0, now = e.clock() })
end

local function new_run(fields)
  fields.pending, fields.parked, fields.flying, fields.began = {}, 0, 0, clock.mono_us()
  return setmetatable(fields, run_methods)
end

-- ---- opening ---------------------------------------------------------------------

local hooks_of

local function open_store(self, read_only)
  local path = self.options.store or file.join(self.home, "var", "keel.db")
  local runner, message, code = runs.open(path, hooks_of(self), read_only)
  if not runner then return nil, self:store_error(message, code) end
  self.runner, self.store = runner, runner:store()
  return true
end

local function new(options)
  local config, err = settings.load(file.join(options.home, "config.lua"), options.getenv)
  if not config then return nil, err end
  if options.adapt then options.adapt(config) end
  local made, message, code = file.mkdir(file.join(options.home, "var"))
  if not made then return nil, errors.from(message, code) end
  return setmetatable({ home = options.home, settings = config, options = options,
    active = {}, awake = 0, settling = {}, submitted = 0, tasks = 0, set_aside = {}, places = {}, at_work = {}, bus_queue = {}, starting = {}, sources = {}, compiled = {},
    clock = options.clock or clock.now_ms, chance = options.chance or clock.random }, engine)
end

--- Open the home for work: takes the store, loads config, agents and skills, and
--- takes up every run that was going on. Options: home, clock (function -> ms), chance (function -> integer),
--- on_log(run, level, text), on_approval(item), on_fault(text); adapt(settings) changes what
--- config.lua says, library(library, engine) what the sources say; answer(cmd) -> value, err answers a command of a model in its stead;
-- moment(cmd, when) is told where each command stands (engine/commands.lua); sleep(ms) is how
-- the model client waits.
-- `schedules = true` fires what is due by the clock, too; `served = true` answers while
-- runs that were going on are still being brought back.
-- Returns the engine, or nil, err (K9001 when another process owns the store).
function engine.open(options)
  local self, err = new(options)
  if not self then return nil, err end
  local ok
  ok, err = open_store(self, false)
  if not ok then return nil, err end
  self.library = library.load(self.home, self.settings.adapters)
  if options.library then options.library(self.library, self) end
  ok, err = pcall(self.recover, self)
  if ok then
    self:look_at_anchor()
    return self
  end
  self:close()
  if errors.is(err) then return nil, err end
  error(err, 0)
end

--- Open the home for looking on only: works while another process owns the store.
-- A home without a store is opened as by its owner, who makes one.
function engine.look(options)
  if not options.store and not file.exists(file.join(options.home, "var", "keel.db")) then
    return engine.open(options)
  end
  local self, err = new(options)
  if not self then return nil, err end
  local ok
  ok, err = open_store(self, true)
  if not ok then return nil, err end
  self.library = library.load(self.home, self.settings.adapters)
  return self
end

function engine:close()
  if not self.runner then return end
  if self.models and not self.failed then self.models:close() end
  self.closing = true
  if self.timer then self.timer:stop() end
  if self.tidying then self.tidying:stop() end
  self:set_bus_timer(nil)
  self.runner:close()
  self.runner = nil
end

engine.__close = engine.close

--- What the state of things answers to a transaction, and no failure of the store:
--- somebody decided first, a reservation finds no room in its budget, or what was handed
--- in cannot be kept by any store.
local refusals = { conflict = true, budget = true, input = true }

--- Submit a transaction and wait for it (other work goes on meanwhile).
-- Returns true, or nil, message, code.
function engine:commit(tx)
  if self.failed then return nil, self.failed.message, self.failed_code end
  self.submitted = self.submitted + 1
  local ok, message, code = loop.await(function(wake) self.runner:submit(tx, wake) end)
  self.submitted = self.submitted - 1
  if not ok and not refusals[code] then self:fail_store(message, code) end
  return ok, message, code
end

--- Run `fn` beside everything else; drain waits for it. What it does is done for the run that
--- this process works for now, or for run `id` (0: for none).
function engine:task(fn, id)
  self.tasks = self.tasks + 1
  local _ <close> = id and self:on_behalf(id) or nil
  loop.spawn(function()
    fn()
    self.tasks = self.tasks - 1
  end, function(_, trace)
    self.tasks = self.tasks - 1
    if not self.failed then self:complain(trace) end
  end)
end

--- A fault of our own: said aloud, never swallowed.
function engine:complain(text)
  self.faults = (self.faults or 0) + 1
  if self.options.on_fault then return self.options.on_fault(text) end
  io.stderr:write("keel: internal error: ", require("terminal").message(text), "\n")
end

-- ---- starting ----------------------------------------------------------------------

local function check_input(agent, input)
  if agent.manifest.input == nil then return true end
  agent.takes = agent.takes or schema.compile(agent.manifest.input, { decoded = true })
  local ok, problems = agent.takes:check(input)
  if ok then return true end
  return nil, errors.new("K1011", { agent = agent.name, name = agent.name,
    detail = schema.describe(problems):gsub("\n.*", "") })
end

function engine:agent_named(name)
  local agent = self.library.agents[name]
  if agent then return agent end
  local broken = self.library:problem_of("agents/" .. tostring(name) .. ".lua")
  return nil, broken or errors.new("K1005", { name = name,
    suggestion = require("suggest").nearest(name, self.library.agents) })
end

local function run_by_key(self, name, key)
  local there = self:rows("run.by_key", { agent = name, key = key })[1]
    or self:rows("tombstone.by_key", { agent = name, key = key })[1]
  return there and { id = there.id, run = there.run, agent = name, state = there.state, old = true }
end

--- Let a run that is in the store begin to play. One whose sandbox cannot be made
-- (caps too small) is over at once.
function engine:begin(run)
  local _ <close> = self:on_behalf(run.id)
  self.active[run.id] = run
  self.awake = self.awake + 1
  self:entered(run)
  -- who gave up what was held wants it undone
  if self:paused(run.agent, run.run) and self:paused(run.agent, run.run, run.handle:given_up_at()) then self:hold(run) end
  local ok, message, code = run.handle:start(not run.as_recorded and run.setup or nil, prelude.code,
    bundle.caps(run.setup))
  if ok then return end
  self:task(function() self:end_run(run, true, { code = code, message = message }) end)
end

local function start_new(self, agent, input, options)
  local now = self.clock()
  local setup, err = bundle.make(self, agent, input, now)
  if not setup then return nil, err end
  if options.trust == "external" then setup.trust = "external" end
  setup.event = options.event
  if options.private then setup.private = true end

  local run = new_run { id = self.store:next_id(), run = setup.run, agent = agent.name, setup = setup, stored_state = "running",
    parent = options.parent, seen = { whole = true, external = setup.trust and 0, private = setup.private and 0 } }
  local ok, message, code
  run.handle, message, code = self.runner:run { id = run.id }
  if not run.handle then return nil, errors.from(message, code) end
  bundle.sources(self, setup, run.handle)

  local tx = self.store:tx()
  for _, source in pairs(setup.sources) do
    tx:add("code.put", { hash = source.hash, body = self.sources[source.hash] })
    tx:add("code.set", { code = setup.code, hash = source.hash })
  end
  local tail
  tail, message, code = run.handle:append(tx, "start", setup, now)
  if not tail then
    run.handle:release()
    return nil, errors.from(message, code)
  end
  tx:add("run.put", { id = run.id, run = run.run, agent = agent.name, version = agent.manifest.version,
    code = setup.code, state = "running", key = options.key, parent = options.parent,
    parent_seq = options.parent_seq, input_codec = input, tail = tail, now = now })
  if options.also then options.also(tx, run) end
  if setup.timeout then tx:add("timer.put", { run = run.id, seq = 0, due = now + setup.timeout }) end
  ok, message, code, run.resting = self:commit_away(run.id, tx)
  if not ok then
    run.handle:release()
    return nil, errors.from(message, code)
  end
  self:begin(run)
  return run
end

--- Start an agent on an input. `options.key` makes the start unique for ever: a second
--- start with the same key gives the run that is there (its `old` is true then).
--- `options.event`, { id, type, key }, is what it was started by.
-- `options.also(tx, run)` adds to the transaction that starts a new one. Returns the
--- run { id, run, agent } once its start is durable, or nil, err.
function engine:start(name, input, options)
  options = options or {}
  local agent, err = self:agent_named(name)
  if not agent then return nil, err end
  err = not options.admitted and self:refuse_stopped(name) or nil
  if err then return nil, err end
  local ok
  ok, err = check_input(agent, input)
  if not ok then return nil, err end
  if not options.key then return start_new(self, agent, input, options) end

  -- one after the other: a start that the store refuses would stop the engine
  local place = name .. "/" .. options.key
  while self.starting[place] do
    loop.await(function(wake) table.insert(self.starting[place], wake) end)
  end
  local run = run_by_key(self, name, options.key)
  if run then return run end
  local waiting = {}
  self.starting[place] = waiting
  ok, run, err = pcall(start_new, self, agent, input, options)
  self.starting[place] = nil
  for _, wake in ipairs(waiting) do wake() end
  if not ok then error(run, 0) end
  return run, err
end

-- ---- waking --------------------------------------------------------------------------

local function load_run(self, row, tail)
  local run = new_run { id = row.id, run = row.run, agent = row.agent, stored_state = row.state, active_ms = row.active_ms,
    parent = row.parent }
  local message, switch
  run.handle = assert(self.runner:run { id = row.id })
  run.setup, switch = run.handle:load(tail)
  if not run.setup then
    run.handle:release()
    return nil, switch
  end
  run.as_recorded = switch == nil
  bundle.switched(run.setup, switch)
  local ok
  ok, message = pcall(bundle.sources, self, run.setup, run.handle)
  if not ok then
    run.handle:release()
    return nil, message
  end
  return run
end

--- Bring a run back from its journal, with those who wait for its rest. Returns the run,
--- or nil when it is over.
function engine:restore(id, tail, resting, row)
  local _ <close> = self:on_behalf(id)
  row = row or self:rows("run.to_wake", { id = id })[1]
  if row and row.state == "quarantined" then
    wake_all(resting) -- what it waits for stays, for the day that its owner lets it go
    return nil
  end
  if not row or row.ended then
    self:task(function() self:commit(drop_what_waits(self.store:tx(), { id = id }, self.clock())) end)
    wake_all(resting)
    return nil
  end
  local run, message = load_run(self, row, tail or row.tail)
  if not run then
    if not self.failed then self:quarantine(row, message, resting) end
    return nil
  end
  run.recovered, run.resting = tail ~= nil, resting
  self:begin(run)
  return run
end

--- Something that the run waits for may be there: look again.
function engine:wake(id)
  local run = self.active[id] or self:bring_back(id)
  if self.settling[id] then
    self.settling[id].wake = true
    return nil
  end
  if not run then
    local row = self:rows("run.to_wake", { id = id })[1]
    if not row or row.ended or not self:paused(row.agent, row.run) then return self:restore(id, nil, nil, row) end
    local tx = self.store:tx()
    tx:add("run.held", { id = id, now = self.clock() })
    self:task(function() self:commit(tx) end)
    return nil
  end
  for _, cmd in pairs(run.pending) do
    if cmd.parked then
      cmd.parked, cmd.intended = false, true
      run.parked = run.parked - 1
      self:perform(cmd)
    else
      cmd.again = true -- it may have looked already, and be about to park
    end
  end
  return run
end

--- Longest time to the next look at the timers: a clock that is set forward, or a
-- machine that slept, is noticed.
local longest_look_ms = 60000

--- Set the alarm for the next timer; for the next after `after`, when told.
function engine:set_timer(after)
  if self.closing then return end
  if self.timer then self.timer:stop() end
  self.timer, self.timers_after = nil, after
  self.next_due = self:next_slot((self:rows("timer.next", { after = after or -1 })[1] or {}).due)
  local asked = self:next_approval(after)
  if asked and (not self.next_due or asked < self.next_due) then self.next_due = asked end
  if not self.next_due then return end
  self:look_again(math.max(0, math.min(self.next_due - self.clock(), longest_look_ms)))
end

function engine:look_again(ms, anyway)
  if self.timer then self.timer:stop() end
  self.timer = loop.timer(ms, function() self:fire(anyway) end)
end

--- So many runs are woken at once; the others when half of these are over or wait again,
-- or do not come to that soon. Each takes memory while it is awake, and all together
-- would only wait for one another.
most_woken = 256
local soon_ms = 20

--- Wake the runs whose timers are due. A timer is dropped with what it brought about,
-- so the next alarm is for those that are not due yet: to fire at one again while its
-- run is at work would be a busy wait.
function engine:fire(anyway)
  local now = self.clock()
  local most = most_woken + (anyway and self.awake or 0)
  local due = self:rows("timer.due", { now = now, limit = 2 * most_woken })
  self.more_due = false
  for _, row in ipairs(due) do
    local _ <close> = self:on_behalf(row.run)
    self.more_due = self.awake >= most and not self.active[row.run] and not self.settling[row.run]
    if self.more_due then break end
    crash.point "timer"
    if row.seq == 0 then self:time_out(row.run) else self:wake(row.run) end
  end
  self:fire_due_slots(now)
  self:fire_due_approvals(now)
  self:set_timer((self.more_due or #due < 2 * most_woken) and now or nil)
  if self.more_due then self:look_again(soon_ms, true) end
end

-- ---- what handlers use ---------------------------------------------------------------

--- Call `fn` once the result of this command is durable: an empty transaction submitted
--- behind it becomes true after it.
function engine:after(cmd, fn)
  cmd.after = fn
end

--- The memory of this home.
function engine:memory()
  if not self.memories then
    local memory = require "memory"
    local options = memory.options(self.settings)
    options.clock, options.ns, options.path = self.clock, self.namespace, self.options.store or file.join(self.home, "var", "keel.db")
    options.books = function() return self:model_client().books end
    self.memories = assert(memory.open(self.store, options))
  end
  return self.memories
end

engine.namespace = "main"

--- A skill by the hash a run is pinned to: { name, manifest, hash }.
function engine:pinned_skill(name, source)
  local current = self.library.skills[name]
  if current and current.hash == source.hash then return current end
  self.old_skills = self.old_skills or {}
  if not self.old_skills[source.hash] then
    self.old_skills[source.hash] = assert(library.of_source("skill", name, source.file, self.sources[source.hash]))
  end
  return self.old_skills[source.hash]
end

-- ---- ending ---------------------------------------------------------------------------------

function engine:forget(run)
  if self.active[run.id] == run then self.awake = self.awake - 1 end
  self.active[run.id] = nil
  run.handle:release()
  if self.more_due and not self.closing and self.awake <= most_woken // 2 then
    self.more_due = false
    self:task(function() self:fire() end)
  end
end

--- Wait until a run is over, or waits for something slow, and the store says so too.
function engine:rest(id)
  self:bring_back(id)
  local run = self.active[id] or self.settling[id]
  if not run then return end
  run.resting = run.resting or {}
  loop.await(function(wake) table.insert(run.resting, wake) end)
end

--- Make `tx` true, which says how a run stands that is not in memory; until then it is not
-- woken. Returns true, nil, nil, who waits for its rest, whether to wake it | nil, message, code.
function engine:commit_away(id, tx, resting)
  local place = { resting = resting }
  self.settling[id] = place
  local ok, message, code = self:commit(tx)
  self.settling[id] = nil
  if not ok then wake_all(place.resting) end
  return ok, message, code, ok and place.resting or nil, ok and place.wake
end

--- The run is forgotten, and stands as `tx` says.
function engine:leave(id, tx, resting)
  crash.point "leave"
  local ok, _, _, waiting, woken = self:commit_away(id, tx, resting)
  crash.point "left"
  local run = woken and self:wake(id)
  if not run then return ok, ok and wake_all(waiting) end
  run.resting = run.resting or {}
  table.move(waiting or {}, 1, #(waiting or {}), #run.resting + 1, run.resting)
  return ok
end

--- Make the end of a run durable, and tell the run that called it.
function engine:conclude(id, parent, tx, resting)
  self:task(function()
    if not self:leave(id, tx, resting) then return end
    if parent then self:wake(parent) end
    self:over(id)
    self:slots_over()
  end)
end

local function active_ms(run)
  return (run.active_ms or 0) + (clock.mono_us() - run.began) // 1000
end

local function end_state(failed, value)
  if not failed then return "done" end
  if value.code == "rejected" or value.code == "cancelled" then return value.code end
  return value.compensated and not value.stuck_undo and "compensated" or "failed"
end

local caps = { instructions = true, memory = true, wall = true }

function engine:end_run(run, failed, value)
  if run.flying > 0 then
    run.end_with = { failed, value }
    return
  end
  -- what is on its way is in the journal before that is read (ask_about_lost)
  if run.recovered and not self:commit(self.store:tx()) then return end
  if failed and caps[value.code] and run.handle:undos() > 0 then
    if self:undo_dead(run, value) then return end
    value.stuck_undo = { message = "undoing the steps reached a cap" }
  end
  failed, value = bundle.outcome(run.setup, failed, value)
  local now, tx, handle = self.clock(), self.store:tx(), run.handle
  run.last = handle:tail()
  local kept, message = handle:append(tx, "end", { failed = failed, value = value }, now)
  if not kept then
    failed, value = true, { code = "result", message = message }
    assert(handle:append(tx, "end", { failed = failed, value = value }, now))
  end
  run.state = end_state(failed, value)
  local row = { id = run.id, state = run.state }
  row[failed and "error_codec" or "output_codec"] = value
  self:close_run(run, tx, row)
end

--- Write the end of a run that is in memory, and forget it.
function engine:close_run(run, tx, row)
  local handle, now = run.handle, self.clock()
  row.tail, row.steps, row.cost, row.active_ms, row.now = handle:tail(), handle:steps(), handle:cost(), active_ms(run), now
  tx:add("run.end", row)
  self:acquit(run, tx)
  if row.error_codec then self:cancel_children(run) end
  if run.recovered then self:ask_about_lost(run, tx) end
  self:forget(run)
  self:conclude(run.id, run.parent, drop_what_waits(tx, run, now), run.resting)
end

--- What a run that waits waits for, as its row says it: its first command's; a question
--- about an effect stands over everything else.
local function what_waits(run)
  local pending, first, asked = 0, nil, false
  for _, cmd in pairs(run.pending) do
    pending = pending + 1
    if cmd.parked and (not first or cmd.seq < first.seq) then first = cmd end
    asked = asked or cmd.parked and cmd.waiting_for == "reconcile"
  end
  return pending, asked and "needs_reconciliation" or "waiting", not asked and first and first.waiting_for or nil
end

--- All fibers wait, or the run is held. When everything it waits for is slow, it is
--- parked: its state goes to the store and its memory is freed.
function engine:settle(run)
  local pending, state, waiting_for = what_waits(run)
  if not run.idle or run.ending or pending > run.parked or run.flying > 0 then return end
  if run.handle:cancelled() == "asked" then -- it waits inside of a step, for something slow
    if run.cancelling and run.cancelling.hard then return end
    run.cancel_wanted = run.cancelling or { code = "cancelled" }
    return self:give_up(run)
  end
  if run.held then
    waiting_for = "paused"
  elseif pending == 0 then
    return
  end
  local tx = self.store:tx()
  run.stored_state = state
  tx:add("run.state", { id = run.id, state = state, waiting_for = waiting_for, tail = run.handle:tail(),
    steps = run.handle:steps(), cost = run.handle:cost(), active_ms = active_ms(run), now = self.clock() })
  if not run.held then self:acquit(run, tx) end
  local freed = run.recovered and not run.held and self:sweep(run, tx)
  self:forget(run)
  self:task(function()
    local ok = self:leave(run.id, tx, run.resting)
    if ok and freed then self:wake(run.id) end
    self:over(run.id)
  end)
end

--- A crash may have come between a result and the dropping of what ctx.any gave up for
-- it: what a run that waits has in the store is what it waits for.
function engine:sweep(run, tx)
  local waits = json.array { 0 } -- the run's own time
  for seq in pairs(run.pending) do waits[#waits + 1] = seq end
  for _, verb in ipairs { "timer.drop_others", "wait.drop_others" } do tx:add(verb, { run = run.id, seqs_json = waits }) end
  tx:add("approval.close_others", { run = run.id, seqs_json = waits, now = self.clock() })
  self:ask_about_lost(run, tx)
  return #self:rows("wait.given_others", { run = run.id, seqs_json = waits }) > 0
end

function hooks_of(self)
  local function run_of(handle)
    local run = self.active[handle:id()]
    return run and run.handle == handle and run or nil
  end
  local function replay_of(handle) return self.replaying and self.replaying[handle] end
  return {
    perform = function(handle, seq, kind, name, args, info)
      local run = run_of(handle)
      run.idle = false
      self:perform(self:command(run, seq, kind, name, args, info))
    end,
    cancel = function(handle, seq)
      local run = run_of(handle)
      local cmd = run and run.pending[seq]
      if not cmd then return end
      cmd:give_up()
      if cmd.parked then run.parked = run.parked - 1 end
      local tx = self.store:tx()
      tx:add("timer.drop", { run = run.id, seq = seq })
      tx:add("wait.drop", { run = run.id, seq = seq })
      tx:add("approval.close", { run = run.id, seq = seq, now = self.clock() })
      local freed = cmd.kind == "wait" and (self:rows("wait.get", { run = run.id, seq = seq })[1] or {}).event
      self:task(function()
        if not self:commit(tx) then return end
        if cmd.kind == "call" then self:cancel_child(cmd) end
        if freed then self:wake(run.id) end -- another wait of it may have that event
      end)
    end,
    ended = function(handle, failed, value)
      local playing = replay_of(handle)
      if playing then return playing.ended(failed, value) end
      local run = run_of(handle)
      if run then run.ending = true else return end
      self:task(function() self:end_run(run, failed, value) end)
    end,
    idle = function(handle)
      local playing = replay_of(handle)
      if playing then return playing.idle() end
      local run = run_of(handle)
      if not run then return end
      run.idle = true
      self:settle(run)
    end,
    diverged = function(handle, difference)
      local playing = replay_of(handle)
      if playing then return playing.diverged(difference) end
      local run = run_of(handle)
      if run then self:task(function() self:diverge(run, difference) end) end
    end,
    log = function(handle, level, text)
      local run = run_of(handle)
      if self.options.on_log and run then self.options.on_log(run, level, text) end
    end,
    store_failed = function(_, message, code) self:fail_store(message, code) end,
    now = self.options.clock, -- a step's time, when it is not the real one
  }
end

--- A replay took another way than its record: the run stops as it is, holding nothing.
function engine:diverge(run, difference)
  local sides = require("engine.replay").sides(self, run.id, run.handle:tail(), difference)
  if self.active[run.id] ~= run then return end
  local tx = self.store:tx()
  local value = { code = "diverged", message = ("at step %d: recorded %s, now %s (%s differs)"):format(difference.at,
    difference.recorded or "nothing", difference.new or "nothing", difference.why),
    file = sides.new.file or difference.file, line = sides.new.line or difference.line, at = difference.at,
    recorded = sides.recorded, new = sides.new }
  self:close_run(run, tx, { id = run.id, state = "diverged", error_codec = value })
end

-- ---- the loop ---------------------------------------------------------------------------------------

--- Whether something still goes on by itself.
function engine:busy()
  return self.submitted > 0 or self.tasks > 0 or next(self.active) ~= nil
end

--- Turn the loop until nothing goes on by itself (all runs are over or wait), or until
--- `done()`. Returns true, or nil, err when the store failed.
function engine:drain(done)
  while not self.failed do
    if self.next_due and self.next_due <= self.clock() then self:fire() end
    if self.bus_due and self.bus_due <= self.clock() then self:admit() end
    if not self:busy() or done and done() then break end
    loop.turn(true)
  end
  if self.failed then return nil, self.failed end
  return true
end

return engine
