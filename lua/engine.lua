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
local bundle = require "engine.bundle"
local clock = require "core.clock"
local errors = require "errors"
local file = require "file"
local json = require "json"
local library = require "library"
local loop = require "loop"
local look = require "engine.look"
local prelude = require "prelude"
local rfc3339 = require "rfc3339"
local runs = require "core.run"
local schema = require "schema"
local settings = require "settings"

local engine = setmetatable({}, { __index = look })
engine.__index = engine

-- Handlers and adapters by name, loaded when first met.
local function load_part(folder, name)
  local ok, part = pcall(require, folder .. "." .. name)
  if ok then return part end
  if part:find("no built-in module", 1, true) then return nil end
  error(part, 0)
end

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
  fields.pending, fields.parked, fields.began = {}, 0, clock.mono_us()
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
  local made, message, code = file.mkdir(file.join(options.home, "var"))
  if not made then return nil, errors.from(message, code) end
  return setmetatable({ home = options.home, settings = config, options = options,
    active = {}, settling = {}, submitted = 0, tasks = 0, arrived = {}, sources = {}, compiled = {},
    clock = options.clock or clock.now_ms }, engine)
end

--- Open the home for work: takes the store, loads config, agents and skills, and
--- takes up every run that was going on. Options: home, clock (function -> ms),
--- on_log(run, level, text), on_approval(item), on_step(run, record).
-- Returns the engine, or nil, err (K9001 when another process owns the store).
function engine.open(options)
  local self, err = new(options)
  if not self then return nil, err end
  local ok
  ok, err = open_store(self, false)
  if not ok then return nil, err end
  self.library = library.load(self.home, self.settings.adapters)
  ok, err = pcall(self.recover, self)
  if ok then return self end
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
  self.closing = true
  if self.timer then self.timer:stop() end
  self.active = {} -- who hears of the last commits has no run any more
  self.runner:close()
  self.runner = nil
end

engine.__close = engine.close

--- Submit a transaction and wait for it (other work goes on meanwhile). A conflict is
--- an answer, not a failure of the store, when `may_conflict`.
-- Returns true, or nil, message, code.
function engine:commit(tx, may_conflict)
  if self.failed then return nil, self.failed.message, self.failed_code end
  self.submitted = self.submitted + 1
  local ok, message, code = loop.await(function(wake) self.runner:submit(tx, wake) end)
  self.submitted = self.submitted - 1
  if not ok and not (may_conflict and code == "conflict") then self:fail_store(message, code) end
  return ok, message, code
end

--- Run `fn` beside everything else; drain waits for it.
function engine:task(fn)
  self.tasks = self.tasks + 1
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
  io.stderr:write("keel: internal error: ", text, "\n")
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

--- Start an agent on an input. `options.key` makes the start unique for ever: a second
--- start with the same key gives the run that is there. Returns the run
--- { id, run, agent } once its start is durable, or nil, err.
function engine:start(name, input, options)
  options = options or {}
  local agent, err = self:agent_named(name)
  if not agent then return nil, err end
  local ok
  ok, err = check_input(agent, input)
  if not ok then return nil, err end
  local function there()
    local row = options.key and self:rows("run.by_key", { agent = name, key = options.key })[1]
    return row and { id = row.id, run = row.run, agent = name, state = row.state, old = true }
  end
  local before = there()
  if before then return before end
  local now = self.clock()
  local setup
  setup, err = bundle.make(self, agent, input, now)
  if not setup then return nil, err end

  local run = new_run { id = self.store:next_id(), run = setup.run, agent = name, setup = setup, stored_state = "running" }
  local message, code
  run.handle, message, code = self.runner:run { id = run.id }
  if not run.handle then return nil, errors.from(message, code) end
  bundle.sources(self, setup, run.handle)

  local tx = self.store:tx()
  for _, source in pairs(setup.sources) do
    tx:add("code.put", { hash = source.hash, body = self.sources[source.hash] })
  end
  local tail = assert(run.handle:append(tx, "start", setup, now))
  tx:add("run.put", { id = run.id, run = run.run, agent = name, version = agent.manifest.version,
    code = setup.code, state = "running", key = options.key, parent = options.parent,
    parent_seq = options.parent_seq, input_codec = input, tail = tail, now = now })
  ok, message, code = self:commit(tx, true)
  if not ok then
    run.handle:release()
    before = code == "conflict" and there() -- somebody else was faster
    if before then return before end
    return nil, errors.from(message, code)
  end
  self.active[run.id] = run
  assert(run.handle:start(setup, prelude.code, bundle.caps(setup)))
  return run
end

-- ---- waking --------------------------------------------------------------------------

--- Bring a run back from its journal. Returns the run, or nil when it is over.
function engine:restore(id, tail)
  local row = self:rows("run.by_id", { id = id })[1]
  if not row or row.ended then return nil end
  local run = new_run { id = id, run = row.run, agent = row.agent, stored_state = row.state, active_ms = row.active_ms }
  run.handle = assert(self.runner:run { id = id })
  local setup, message = run.handle:load(tail or row.tail)
  if not setup then
    run.handle:release()
    self:complain(("run %s cannot be brought back: %s"):format(row.run, message))
    return nil
  end
  run.setup = setup
  bundle.sources(self, setup, run.handle)
  self.active[id] = run
  assert(run.handle:start(setup, prelude.code, bundle.caps(setup)))
  return run
end

--- Something that the run waits for may be there: look again.
function engine:wake(id)
  local run = self.active[id]
  if self.settling[id] then
    self.settling[id] = "wake"
    return nil
  end
  if not run then return self:restore(id) end
  for _, cmd in pairs(run.pending) do
    if cmd.parked then
      cmd.parked, cmd.intended = false, true
      run.parked = run.parked - 1
      self:perform(cmd)
    end
  end
  return run
end

--- Take up what was going on when the last process ended.
function engine:recover()
  local open, since = self:rows("run.open", {}), nil
  for _, row in ipairs(open) do
    if row.state == "running" then since = math.min(since or row.tail, row.tail) end
  end
  local tails = {}
  if since then
    for _, row in ipairs(self:rows("journal.tails", { since = since })) do tails[row.run] = row.tail end
  end
  self.recovered = {}
  for _, row in ipairs(open) do
    if row.state == "running" then
      self:restore(row.id, math.max(tails[row.id] or 0, row.tail))
      table.insert(self.recovered, row.id)
    end
  end
  for _, verb in ipairs { "approval.undelivered", "run.orphans" } do
    for _, row in ipairs(self:rows(verb, {})) do self:wake(row.run or row.id) end
  end
  self:pump()
  self:set_timer()
end

--- Wake the runs whose timers are due, and set the alarm for the next.
function engine:set_timer()
  if self.closing then return end
  if self.timer then self.timer:stop() end
  self.timer = nil
  local next_due = (self:rows("timer.next", {})[1] or {}).due
  if next_due then
    self.next_due = next_due
    self.timer = loop.timer(math.max(0, math.min(next_due - self.clock(), 3600000)), function() self:fire() end)
  else
    self.next_due = nil
  end
end

function engine:fire()
  for _, row in ipairs(self:rows("timer.due", { now = self.clock() })) do self:wake(row.run) end
  self:task(function() self:set_timer() end)
end

-- ---- what handlers use ---------------------------------------------------------------

--- Call `fn` once the result of this command is durable: an empty transaction submitted
--- behind it becomes true after it.
function engine:after(cmd, fn)
  cmd.after = fn
end

--- The memory of this home.
function engine:memory()
  self.memories = self.memories or assert(require("memory").open(self.store, { clock = self.clock, ns = self.namespace }))
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

-- ---- performing ------------------------------------------------------------------------

local command = {}
command.__index = command

--- Make the command durable before its effect; what is in cmd.tx goes along. Returns
--- only when it is: a store that failed ends the handler here.
function command:intent(effect)
  if self.intended then return true end
  local tx = self.tx
  self.tx = self.engine.store:tx()
  self.run:mark_running(self.engine, tx)
  assert(self.run.handle:append(tx, "intent", json.null, self.now, self.seq, effect))
  local ok, message, code = self.engine:commit(tx)
  if not ok then error({ code = code, message = message }, 0) end
  self.intended = true
end

--- Nothing to do until somebody wakes the run: for "approval", "timer", ...
function command:park(what)
  if self.run.pending[self.seq] ~= self then return command.parked_mark end
  self.parked, self.waiting_for = true, what
  self.run.parked = self.run.parked + 1
  self.engine:settle(self.run)
  return command.parked_mark
end
command.parked_mark = {}

local function plain_failure(err)
  if type(err) ~= "table" then return { code = "error", message = tostring(err) } end
  return { code = err.code or "error", message = err.message or "failed", number = err.number, raise = err.raise }
end

--- The result of a command: recorded with what the handler put into cmd.tx.
function engine:finish(cmd, value, err)
  local run = cmd.run
  if self.failed or not run.pending[cmd.seq] or self.active[run.id] ~= run then return end
  run.pending[cmd.seq] = nil
  run.idle = false
  run:mark_running(self, cmd.tx)
  local failed = err ~= nil
  if value == nil then value = json.null end
  local ok, message = run.handle:finish(cmd.tx, cmd.seq, failed, failed and plain_failure(err) or value,
    cmd.effect or "pure", cmd.cost or 0, self.clock())
  if ok and cmd.after then
    self:task(function()
      if self:commit(self.store:tx()) then cmd.after() end
    end)
  end
  if ok then return end
  cmd.tx = self.store:tx()
  run:mark_running(self, cmd.tx)
  assert(run.handle:finish(cmd.tx, cmd.seq, true, { code = "result", message = message, raise = true },
    cmd.effect or "pure", cmd.cost or 0, self.clock()))
end

function engine:perform(cmd)
  cmd.now = self.clock()
  cmd.tx = self.store:tx()
  self.tasks = self.tasks + 1
  loop.spawn(function()
    local handler = load_part("handler", cmd.kind)
    local value, err
    if handler then value, err = handler(cmd)
    else err = { code = "error", message = "no command '" .. cmd.kind .. "'", raise = true } end
    self.tasks = self.tasks - 1
    if value ~= command.parked_mark then self:finish(cmd, value, err) end
  end, function(message, trace)
    self.tasks = self.tasks - 1
    if self.failed then return end
    if type(message) == "table" then return self:finish(cmd, nil, message) end
    self:complain(trace)
    self:finish(cmd, nil, { code = "internal", message = "internal error: " .. tostring(message), raise = true })
  end)
end

-- ---- ending ---------------------------------------------------------------------------------

local function output_error(self, run, value)
  local agent = self.library.agents[run.agent]
  local output = run.setup.output
  if output == nil or output == json.null then return nil end
  local ok, problems = schema.compile(output):check(value)
  if ok then return nil end
  return errors.new("K3005", { agent = agent and agent.name or run.agent,
    detail = schema.describe(problems):gsub("\n.*", "") })
end

function engine:forget(run)
  self.active[run.id] = nil
  run.handle:release()
  for _, wake in ipairs(run.resting or {}) do wake() end
end

--- Wait until a run is over, or waits for something slow.
function engine:rest(id)
  local run = self.active[id]
  if not run then return end
  run.resting = run.resting or {}
  loop.await(function(wake) table.insert(run.resting, wake) end)
end

local function active_ms(run)
  return (run.active_ms or 0) + (clock.mono_us() - run.began) // 1000
end

local function end_state(failed, value)
  if not failed then return "done" end
  if value.code == "rejected" then return "rejected" end
  return value.compensated and "compensated" or "failed"
end

function engine:end_run(run, failed, value)
  if not failed then
    local err = output_error(self, run, value)
    if err then failed, value = true, { code = err.code, message = err.message, number = err.number } end
  end
  local now, state = self.clock(), end_state(failed, value)
  local tx = self.store:tx()
  local handle = run.handle
  assert(handle:append(tx, "end", { failed = failed, value = value }, now))
  tx:add("run.end", { id = run.id, state = state, tail = handle:tail(), steps = handle:steps(),
    cost = handle:cost(), active_ms = active_ms(run), now = now,
    output_codec = not failed and value or nil, error_codec = failed and value or nil })
  tx:add("timer.drop_run", { run = run.id })
  tx:add("wait.drop_run", { run = run.id })
  tx:add("approval.close_run", { run = run.id, now = now })
  self:task(function()
    local ok = self:commit(tx)
    self:forget(run)
    if not ok then return end
    run.state = state
    local row = self:rows("run.by_id", { id = run.id })[1]
    if row and row.parent then self:wake(row.parent) end
  end)
end

--- All fibers wait. When everything they wait for is slow, the run is parked: its
--- state goes to the store and its memory is freed.
function engine:settle(run)
  local pending, first = 0, nil
  for _, cmd in pairs(run.pending) do
    pending = pending + 1
    if cmd.parked and (not first or cmd.seq < first.seq) then first = cmd end
  end
  if not run.idle or pending == 0 or pending > run.parked then return end
  local tx = self.store:tx()
  run.stored_state = "waiting"
  tx:add("run.state", { id = run.id, state = "waiting", waiting_for = first.waiting_for, tail = run.handle:tail(),
    steps = run.handle:steps(), cost = run.handle:cost(), active_ms = active_ms(run), now = self.clock() })
  self:forget(run)
  self.settling[run.id] = true
  self:task(function()
    self:commit(tx)
    local again = self.settling[run.id] == "wake"
    self.settling[run.id] = nil
    if again then self:wake(run.id) end
  end)
end

function hooks_of(self)
  local function run_of(handle) return self.active[handle:id()] end
  local function replay_of(handle) return self.replaying and self.replaying[handle:id()] end
  return {
    perform = function(handle, seq, kind, name, args, info)
      local run = run_of(handle)
      local cmd = setmetatable({ engine = self, run = run, seq = seq, kind = kind, name = name, args = args,
        key = ("%s/%d"):format(run.run, seq), intended = info.intended, worked = info.worked,
        failed = info.failed, outcome = info.outcome }, command)
      run.idle = false
      run.pending[seq] = cmd
      self:perform(cmd)
    end,
    cancel = function(handle, seq)
      local run = run_of(handle)
      local cmd = run and run.pending[seq]
      if not cmd then return end
      run.pending[seq] = nil
      if cmd.parked then run.parked = run.parked - 1 end
      local tx = self.store:tx()
      tx:add("timer.drop", { run = run.id, seq = seq })
      tx:add("wait.drop", { run = run.id, seq = seq })
      self:task(function() self:commit(tx) end)
    end,
    ended = function(handle, failed, value)
      local playing = replay_of(handle)
      if playing then return playing.ended(failed, value) end
      local run = run_of(handle)
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
      self:task(function() self:diverge(run, difference) end)
    end,
    log = function(handle, level, text)
      local run = run_of(handle)
      if self.options.on_log and run then self.options.on_log(run, level, text) end
    end,
    store_failed = function(_, message, code) self:fail_store(message, code) end,
  }
end

--- A replay took another way than its record: the run stops as it is, holding nothing.
function engine:diverge(run, difference)
  local tx = self.store:tx()
  local value = { code = "diverged", message = ("at step %d: recorded %s, now %s (%s differs)"):format(difference.at,
    difference.recorded or "nothing", difference.new or "nothing", difference.why),
    file = difference.file, line = difference.line, at = difference.at }
  tx:add("run.end", { id = run.id, state = "diverged", tail = run.handle:tail(), steps = run.handle:steps(),
    cost = run.handle:cost(), active_ms = active_ms(run), now = self.clock(), error_codec = value })
  self:commit(tx)
  self:forget(run)
end

-- ---- events -----------------------------------------------------------------------------------

local function matches(where, payload)
  if type(where) ~= "table" then return true end
  for key, want in pairs(where) do
    if type(payload) ~= "table" or payload[key] ~= want then return false end
  end
  return true
end

local function subscribers(self, event)
  local list = {}
  for name, agent in pairs(self.library.agents) do
    for _, on in ipairs(agent.manifest.on) do
      if on.kind == "event" and on.event == event.type and matches(on.where, event.payload) then
        local field = on.key and type(event.payload) == "table" and event.payload[on.key]
        list[#list + 1] = { name = name, key = event.key or field and tostring(field) or ("#" .. event.id) }
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Hand a new event to every agent that listens and every run that waits. Each
--- delivery is unique by key, so doing it again after a crash changes nothing. Events
--- are taken one after the other, the next when the runs of the last are over or wait:
--- so what one run writes the next one finds, in the same order after a crash as before.
function engine:deliver(event)
  for _, to in ipairs(subscribers(self, event)) do
    local run, err = self:start(to.name, event.payload, { key = event.type .. "/" .. to.key })
    if not run then
      self:refuse_event(event, to.name, err)
      if self.failed then return false end
    else
      self:rest(run.id)
    end
  end
  for _, wait in ipairs(self:rows("wait.of_type", { type = event.type })) do
    if matches(wait.match, event.payload) then
      self.arrived[wait.run .. "/" .. wait.seq] = { type = event.type, key = event.key, payload = event.payload,
        time = rfc3339.format(event.time), trust = event.trust }
      self:wake(wait.run)
      self:rest(wait.run)
    end
  end
  local tx = self.store:tx()
  tx:add("event.done", { id = event.id })
  return self:commit(tx)
end

function engine:refuse_event(event, agent, err)
  self.refused = self.refused or {}
  table.insert(self.refused, { event = event.type, key = event.key, agent = agent, err = err })
end

--- What was going on when the last process ended comes first.
function engine:rest_of_recovered()
  local ids = self.recovered or {}
  self.recovered = nil
  for _, id in ipairs(ids) do self:rest(id) end
end

--- Deliver what is new. One pump runs at a time.
function engine:pump()
  if self.pumping then
    self.pump_again = true
    return
  end
  self.pumping = true
  self:task(function()
    self:rest_of_recovered()
    repeat
      self.pump_again = false
      local new = self:rows("event.new", {})
      for _, event in ipairs(new) do
        if not self:deliver(event) then
          self.pumping = false
          return
        end
      end
    until #new == 0 and not self.pump_again
    self.pumping = false
  end)
end

--- Publish an event: durable when it returns. Returns { new = bool }, or nil, err.
function engine:emit(kind, payload, options)
  options = options or {}
  if options.key then
    local there = self:rows("event.by_key", { type = kind, key = options.key })
    if there[1] then return { new = false, id = there[1].id } end
  end
  local tx = self.store:tx()
  tx:add("event.put", { type = kind, key = options.key, payload_codec = payload, now = self.clock(),
    trust = options.trust or "owner" })
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  self:pump()
  return { new = true }
end

--- Publish what lies in the watched folders. Returns the number of new events and a
--- list of { file, err } for what could not be read.
function engine:scan_inbox()
  return require("inbox").scan(self)
end

-- ---- deciding ------------------------------------------------------------------------------------

--- Decide an open approval: { state = "approved"|"edited"|"rejected", value, by, note }.
-- Durable when it returns; the run goes on in the next drain. Returns the item, or nil, err.
function engine:decide(id, decision)
  local item, err = self:approval(id)
  if not item then return nil, err end
  if item.state ~= "open" then
    return nil, errors.new("K1014", { name = item.id, detail = item.state })
  end
  local tx, now = self.store:tx(), self.clock()
  tx:add("approval.decide", { id = item.id, state = decision.state, value_codec = decision.value,
    by = decision.by or self.settings.owner or "owner", now = now, note = decision.note, digest = item.digest })
  tx:add("audit.put", { now = now, who = decision.by or self.settings.owner or "owner",
    what = "approval." .. decision.state, subject = item.subject,
    detail_codec = { approval = item.id, run = item.run, digest = item.digest, note = decision.note } })
  local ok, message, code = self:commit(tx, true)
  if not ok then
    return nil, code == "conflict" and errors.new("K1014", { name = item.id }) or errors.from(message, code)
  end
  self:wake(item.run_id)
  return self:approval(item.id)
end

-- ---- the loop ---------------------------------------------------------------------------------------

--- Whether something still goes on by itself.
function engine:busy()
  return self.submitted > 0 or self.tasks > 0 or next(self.active) ~= nil
end

--- Turn the loop until nothing goes on by itself (all runs are over or wait), or until
--- `done()`. Returns true, or nil, err when the store failed.
function engine:drain(done)
  while not self.failed and (self:busy() or (self.next_due and self.next_due <= self.clock())) do
    if done and done() then break end
    loop.turn(true)
  end
  if self.failed then return nil, self.failed end
  return true
end

return engine
