--- What the owner does to runs as a whole: hold and let go, give up, fork, move to a newer
-- version.
--
-- Methods of the engine (lua/engine.lua), in a file of their own. Each is durable when it
-- returns, and written into the audit trail with who and why.
local bundle = require "engine.bundle"
local clock = require "core.clock"
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"

local operations = {}

local function audit(self, tx, what, subject, options, detail)
  tx:add("audit.put", { now = self.clock(), who = options.by or self.settings.owner or "owner", what = what,
    subject = subject, channel = options.channel, detail_codec = detail or { note = options.note } })
end

local function audit_cancel(self, tx, run, why)
  audit(self, tx, "cancel", run, why, { code = why.code, message = why.message, note = why.note })
end

--- The row of a run that is in quarantine, or nil.
local function parked_row(self, id)
  local row = id and self:run_row(id)
  return row and row.state == "quarantined" and row or nil
end

--- The run of an id, when it is not over.
local function open_row(self, id)
  local row, err = self:run_row(id)
  if not row then return nil, err end
  if row.state == "quarantined" then return nil, errors.new("K7003", { run = row.run, next = "keel resume " .. row.run }) end
  if row.ended then return nil, errors.new("K1042", { name = row.run, detail = row.state }) end
  self:bring_back(row.id)
  return row
end

--- Wait until a run that is being put away is away.
local function settled(self, id)
  while self.settling[id] do self:rest(id) end
end

--- Write to the journal of a run that is not in memory: `add(handle, tx)` appends, the run
--- stands as `running` then and is brought back. Nobody wakes it meanwhile.
local function write_parked(self, row, add)
  local handle = assert(self.runner:run { id = row.id })
  local setup, message, code = handle:load(row.tail)
  if not setup then
    handle:release()
    return nil, errors.from(message, code)
  end
  local tx = self.store:tx()
  add(handle, tx)
  tx:add("run.state", { id = row.id, state = "running", tail = handle:tail(), steps = row.steps, cost = row.cost,
    active_ms = row.active_ms, now = self.clock() })
  local tail = handle:tail()
  handle:release()
  local ok, resting
  ok, message, code, resting = self:commit_away(row.id, tx)
  if not ok then return nil, errors.from(message, code) end
  return self:restore(row.id, tail, resting)
end

-- ---- holding -------------------------------------------------------------------------

--- Whether an agent, or this run of it, is held; by what came later than `since` (ms), when
--- given. Pauses are few: they are in memory.
function operations:paused(agent, run, since)
  local held = self.pauses
  if not held then
    held = {}
    for _, row in ipairs(self:rows("pause.list", {})) do held[row.scope] = row end
    self.pauses = held
  end
  if next(held) == nil then return false end
  for _, scope in ipairs { "all", "agent:" .. tostring(agent), run and "run:" .. run } do
    if held[scope] and held[scope].time > (since or 0) then return true end
  end
  return false
end

--- Hold a run in memory: it makes no further step, and is put away when what it has begun
--- is done.
function operations:hold(run)
  if run.held then return end
  run.held = true
  run.handle:hold(true)
end

--- Let a run in memory go on.
local function let_go(run)
  if not run.held then return end
  run.held = nil
  run.handle:hold(false)
end

local function has_open_run(self, agent)
  for _, row in ipairs(self:rows("run.open", {})) do
    if row.agent == agent then return true end
  end
  return false
end

local function scope_of(self, target)
  if target.all then return "all" end
  if target.agent then
    -- its file may be broken or gone while runs of it go on
    local scope, agent, err = "agent:" .. target.agent, self:agent_named(target.agent)
    self:paused()
    if not agent and not self.pauses[scope] and not has_open_run(self, target.agent) then return nil, err end
    return scope
  end
  local row, err = open_row(self, target.run)
  if not row then return nil, err end
  return "run:" .. row.run
end

--- Hold everything, an agent or a run: target is { all = true } | { agent = NAME } | { run = ID }.
--- What is on its way to the outside arrives; nothing new is begun. Returns the scope.
function operations:pause(target, options)
  local scope, err = scope_of(self, target)
  if not scope then return nil, err end
  self:paused() -- reads what is held already
  local tx = self.store:tx()
  tx:add("pause.put", { scope = scope, who = options.by or self.settings.owner or "owner", now = self.clock(),
    note = options.note })
  audit(self, tx, "pause", scope, options)
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  self.pauses[scope] = { scope = scope, time = self.clock() }
  for _, run in pairs(self.active) do
    if self:paused(run.agent, run.run) then self:hold(run) end
  end
  return scope
end

--- Wake the runs in the store that were to be woken while they were held, and are not any
--- more: also in the process after the one that let them go. Returns how many.
function operations:wake_resumed()
  local count = 0
  for _, row in ipairs(self:rows("run.all_held", {})) do
    if not self:paused(row.agent, row.run) and not self.active[row.id] then
      count = count + 1
      self:wake(row.id)
    end
  end
  return count
end

--- Let go what was held by this very scope, or a run that is in quarantine. Returns
--- { scope, runs }: how many go on.
function operations:resume(target, options)
  local parked = parked_row(self, target.run)
  if parked then
    return self:release(parked, function(tx) audit(self, tx, "resume", "run:" .. parked.run, options) end)
  end
  local scope, err = scope_of(self, target)
  if not scope then return nil, err end
  self:paused()
  if not self.pauses[scope] then return nil, errors.new("K1043", { name = scope }) end
  local tx = self.store:tx()
  tx:add("pause.drop", { scope = scope })
  audit(self, tx, "resume", scope, options)
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  self.pauses[scope] = nil
  local count = 0
  for _, run in pairs(self.active) do
    if run.held and not self:paused(run.agent, run.run) then
      count = count + 1
      let_go(run)
      self:wake(run.id)
    end
  end
  count = count + self:wake_resumed()
  self:set_timer()
  self:pump()
  self:fire_slots()
  return { scope = scope, runs = count }
end

-- ---- giving up -------------------------------------------------------------------------

--- A run in memory is given up as soon as nothing of it is on its way to the outside.
function operations:give_up(run)
  local why, parked, pending = run.cancel_wanted, 0, 0
  for _, cmd in pairs(run.pending) do
    if cmd.acting then return end
    pending = pending + 1
    if cmd.parked then parked = parked + 1 end
  end
  run.cancel_wanted, run.cancelling = nil, why
  run.idle = false -- it hears of this before it may be put away
  -- whoever waits for something slow inside of a step would be waited for in vain
  why.hard = pending > 0 and pending == parked or nil
  local tx = self.store:tx()
  run:mark_running(self, tx)
  if not run.handle:cancelled() then audit_cancel(self, tx, run.run, why) end
  assert(run.handle:cancel(tx, why, self.clock()))
  let_go(run)
end

local function has_question(self, row)
  if row.state == "needs_reconciliation" then return true end
  local run = self.active[row.id]
  for _, cmd in pairs(run and run.pending or {}) do
    if cmd.parked and cmd.waiting_for == "reconcile" then return true end
  end
  return false
end

--- Give a run up: what its steps did is undone, newest first, and it ends as `cancelled`;
--- its children likewise. `options.code` and `message` say why, when it is no person. Of one
--- in quarantine nothing is executed, so nothing is undone.
--- Returns the run { id, run }, or nil, err.
function operations:cancel(id, options)
  local parked = parked_row(self, id)
  if parked then
    local cause = { code = "cancelled", by = options.by or self.settings.owner or "owner", note = options.note, channel = options.channel }
    return self:give_up_parked(parked, cause, function(tx) audit_cancel(self, tx, parked.run, cause) end)
  end
  local row, err = open_row(self, id)
  if not row then return nil, err end
  settled(self, row.id)
  row, err = open_row(self, row.run)
  if not row then return nil, err end
  if has_question(self, row) then return nil, errors.new("K7007", { name = row.run }) end
  local why = { code = options.code or "cancelled", message = options.message or "the run was cancelled",
    by = options.by or self.settings.owner or "owner", note = options.note, channel = options.channel }
  local run, now = self.active[row.id], self.clock()
  if run then
    if not run.cancelling and not run.ending then
      run.cancel_wanted = why
      self:give_up(run)
    end
  else
    why.hard = true
    run, err = write_parked(self, row, function(handle, tx)
      assert(handle:append(tx, "note", why, now, 0, nil, nil, "cancel"))
      audit_cancel(self, tx, row.run, why)
    end)
    if err then return nil, err end
    if run then
      run.cancelling = why
      let_go(run)
    end
  end
  self:cancel_children(row)
  return { id = row.id, run = row.run }
end

function operations:cancel_children(row)
  for _, child in ipairs(self:rows("run.children", { id = row.id })) do
    if not child.ended then
      self:task(function() self:cancel(child.run, { by = "parent", message = "the run that called it was given up" }) end)
    end
  end
end

--- Nobody waits for what this ctx.call began.
function operations:cancel_child(cmd)
  local child = self:rows("run.by_key", { agent = cmd.name, key = "call/" .. cmd.key })[1]
  if child and not child.ended then
    self:cancel(child.run, { by = "parent", message = "nobody waits for it any more" })
  end
end

--- The longest time of a run is over.
function operations:time_out(id)
  local row = self:rows("run.by_id", { id = id })[1]
  if not row or row.ended then return end
  local run = self.active[id]
  if run and (run.cancelling or run.cancel_wanted) then return end
  self:task(function() self:cancel(row.run, { by = "timeout", code = "deadline", message = "the run took longer than it may" }) end)
end

--- The sandbox died of a cap, and steps were done that can be undone: the journal says so,
--- and the run comes back to undo them, with fresh caps and without the stretch it died in.
--- False when it died so before, and nothing was done since.
function operations:undo_dead(run, value)
  local tx, handle, died = self.store:tx(), run.handle, run.died
  local _, undoing = handle:undos()
  local _, heard = handle:cancelled()
  died = { steps = handle:steps(), times = died and died.steps == handle:steps() and died.times + 1 or 1 }
  if died.times > 2 then return false end
  run:mark_running(self, tx)
  assert(handle:append(tx, "note", { code = value.code, message = value.message, hard = true, dead = true,
    heard = heard, undoing = undoing or nil }, self.clock(),
    0, nil, nil, "cancel"))
  local tail = handle:tail()
  self:forget(run)
  self:task(function()
    local ok, _, _, resting = self:commit_away(run.id, tx, run.resting)
    local restored = ok and self:restore(run.id, tail, resting)
    if restored then restored.died = died end
  end)
  return true
end

--- The owner leaves a question of this command open: the run ends as it is, when what is on
--- its way to the outside has arrived.
function operations:abandon(cmd, message)
  local run = cmd.run
  run.ending = true
  run.handle:hold(true)
  for _, other in pairs(run.pending) do other:give_up() end
  self:end_run(run, true, { code = "abandoned", message = message })
  return cmd.parked_mark
end

-- ---- forking -----------------------------------------------------------------------------

--- The first command of undoing what the script did; nil when nothing was undone.
local function undoing_from(records)
  local first
  for _, record in ipairs(records) do
    if record.name and (record.name:find("^undo:") or record.name:find("^reconcile:")) then
      first = math.min(first or record.seq, record.seq)
    end
  end
  return first
end

--- The records that a fork begins with: all up to the result of step `seq`, without what was
--- begun and not done, and without the cancellation, unless the step is of undoing. With a new
--- value the body of a step that holds steps is not run: what lies inside is left out, and so is
--- what went on beside it, which would be numbered otherwise.
local function prefix_of(records, seq, edited)
  local done, last = {}, nil
  for i, record in ipairs(records) do
    if record.kind == "step" or record.kind == "result" then
      done[record.seq] = true
      if record.seq == seq then
        last = i
        break
      end
    end
  end
  if not last then return nil end
  local kept, undoing, inside = {}, undoing_from(records) or math.huge, edited and records[last].group
  for i = 1, last do
    local record = records[i]
    local mine = record.seq == 0 and (record.name ~= "cancel" or seq >= undoing) or done[record.seq]
    if mine and record.kind ~= "end" and not (inside and record.seq > seq) then kept[#kept + 1] = record end
  end
  return kept
end

--- Begin a new run that has done what run `id` had done up to step `seq`, with another result
--- of that step when options.value is given. Returns the run { id, run, agent }, or nil, err.
function operations:fork(id, seq, options)
  local row, err = self:run_row(id)
  if not row then return nil, err end
  local records
  records, err = self:journal(row)
  if not records then return nil, err end
  local edited = options.value ~= nil
  local kept = prefix_of(records, seq, edited)
  if not kept then return nil, errors.new("K1044", { name = row.run, seq = seq }) end
  local now, new_id = self.clock(), self.store:next_id()
  local name = digest.make_id("run", now, clock.random())
  local handle = assert(self.runner:run { id = new_id })
  local tx, pinned = self.store:tx(), {}
  for _, record in ipairs(kept) do
    record.cost = 0 -- spent once
    if record.kind == "start" or record.name == "switch" then bundle.switched(pinned, record.value) end
    if edited and record.seq == seq and (record.kind == "step" or record.kind == "result") then
      record.value, record.failed, record.group = options.value, false, false
    end
    assert(handle:copy(tx, record))
  end
  tx:add("run.put", { id = new_id, run = name, agent = row.agent, version = pinned.version, code = pinned.code, state = "running",
    input_codec = row.input, tail = handle:tail(), now = now })
  if pinned.timeout then tx:add("timer.put", { run = new_id, seq = 0, due = now + pinned.timeout }) end
  audit(self, tx, "fork", name, options, { from = row.run, at = seq, edited = edited, note = options.note })
  local tail = handle:tail()
  handle:release()
  local ok, message, code, resting = self:commit_away(new_id, tx)
  if not ok then return nil, errors.from(message, code) end
  local run = self:restore(new_id, tail, resting)
  return run or { id = new_id, run = name, agent = row.agent }
end

-- ---- moving ------------------------------------------------------------------------------

--- Whether a run would go on the same with its agent as it is now: plays its journal against
--- it. Returns { run, agent, from, to, compatible, at?, why?, recorded?, new?, file?, line? }.
function operations:gate(id)
  local row, err = open_row(self, id)
  if not row then return nil, err end
  local agent
  agent, err = self:agent_named(row.agent)
  if not agent then return nil, err end
  local played
  played, err = self:replay(row.run, { move = true })
  if not played then return nil, err end
  return { run = row.run, agent = row.agent, from = row.version, to = agent.manifest.version, compatible = played.equal,
    current = row.code == bundle.code_of(self, agent), at = played.at, why = played.why, recorded = played.recorded,
    new = played.new, file = played.file, line = played.line }
end

--- Rows of the runs that are not over and stand on another code than their agent's present
--- one; of the agents in a set, or of all.
function operations:behind(agents)
  local list, present = {}, {}
  for _, row in ipairs(self:rows("run.open", {})) do
    local now = (agents == nil or agents[row.agent]) and self.library.agents[row.agent]
    if now and present[row.agent] == nil then present[row.agent] = bundle.code_of(self, now) or false end
    if now and row.code ~= present[row.agent] then list[#list + 1] = row end
  end
  return list
end

--- What gate() tells of each run of an agent (of all) that stands on another code.
function operations:gate_all(agent)
  local list = json.array {}
  for _, row in ipairs(self:behind(agent and { [agent] = true })) do list[#list + 1] = self:gate(row.run) end
  return list
end

--- Let a run go on with its agent as it is now, when it is compatible. Returns what gate()
--- tells, with `moved`, or nil, err.
function operations:move(id, options)
  local told, err = self:gate(id)
  if not told or not told.compatible or told.current then return told, err end
  local row
  row, err = open_row(self, told.run)
  if not row then return nil, err end
  settled(self, row.id)
  if self.active[row.id] then return nil, errors.new("K1045", { name = row.run }) end
  local agent = self.library.agents[row.agent]
  local setup = bundle.shared(self, agent)
  local moved
  moved, err = write_parked(self, row, function(handle, tx)
    for _, source in pairs(setup.sources) do
      tx:add("code.put", { hash = source.hash, body = self.sources[source.hash] })
      tx:add("code.set", { code = setup.code, hash = source.hash })
    end
    assert(handle:append(tx, "note", setup, self.clock(), 0, nil, nil, "switch"))
    tx:add("run.move", { id = row.id, version = agent.manifest.version, code = setup.code, tail = handle:tail(), now = self.clock() })
    audit(self, tx, "move", row.run, options, { from = told.from, to = told.to, code = setup.code, note = options.note })
  end)
  if err then return nil, err end
  told.moved = moved ~= nil
  return told
end

return operations
