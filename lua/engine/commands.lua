--- Performing commands: what every handler (lua/handler/KIND.lua) gets, and what becomes
-- of what it returns.
--
-- Methods of the engine (lua/engine.lua), in a file of their own. A handler is called
-- with a command { engine, run, seq, kind, name, args, key, now, tx, intended, ... } and
-- returns its value, or nil, err, or what cmd:park() and cmd:rest() returned. It is called
-- again from its beginning when something wakes the run: what is durable by then is in the
-- store, so the way after a crash is the way of every day.
local crash = require "core.crash"
local json = require "json"
local loop = require "loop"
local retry = require "retry"

local commands = {}

-- Handlers by name, loaded when first met.
local function handler_of(kind)
  local ok, part = pcall(require, "handler." .. kind)
  if ok then return part end
  if part:find("no built-in module", 1, true) then return nil end
  error(part, 0)
end

local command = {}
command.__index = command
command.parked_mark = {}

--- Where a command stands, for who has things go wrong on purpose (options.moment):
--- "before_effect", "after_effect" (its result, or `err`, is not yet kept), "during" (it waits).
function commands:moment(cmd, when, err)
  if self.options.moment then self.options.moment(cmd, when, err) end
end

--- A command of a run, as it was issued by its script.
function commands:command(run, seq, kind, name, args, info)
  local cmd = setmetatable({ engine = self, run = run, seq = seq, kind = kind, name = name, args = args,
    key = ("%s/%d"):format(run.run, seq), intended = info.intended, worked = info.worked,
    failed = info.failed, outcome = info.outcome }, command)
  run.pending[seq] = cmd
  return cmd
end

--- Whether its run is in memory still, and whether it waits for this command.
function command:in_memory() return self.engine.active[self.run.id] == self.run end
function command:wanted() return self:in_memory() and self.run.pending[self.seq] == self end

--- Make what is in cmd.tx true now, and go on with an empty one. Returns only when it is
--- true, and the command wanted still: a store that failed ends the handler here, and so
--- does ctx.any, which gave it up: what is not begun is not done.
function command:commit()
  local tx = self.tx
  self.tx = self.engine.store:tx()
  if self:in_memory() then self.run:mark_running(self.engine, tx) end
  crash.point "before_intent"
  local ok, message, code = self.engine:commit(tx)
  crash.point "after_intent"
  if not ok then error({ code = code, message = message }, 0) end
  if not self:wanted() then error({ code = "cancelled", message = "nobody waits for this" }, 0) end
end

--- Make the command durable before its effect; what is in cmd.tx goes along.
function command:intent(effect)
  if self.intended then return true end
  assert(self.run.handle:append(self.tx, "intent", json.null, self.now, self.seq, effect))
  self.intended = true
  self:commit()
end

--- A note about this command, in cmd.tx: it tells people what happened, and is not
--- compared in a replay.
function command:note(name, value, cost)
  if not self:in_memory() then return end
  assert(self.run.handle:append(self.tx, "note", value, self.engine.clock(), self.seq, nil, cost, name))
end

--- Nothing to do until somebody wakes the run: for "approval", "timer", ...
function command:park(what)
  if not self:wanted() then return command.parked_mark end
  if self.again then
    self.engine:perform(self)
    return command.parked_mark
  end
  self.engine:moment(self, "during")
  self.parked, self.waiting_for = true, what
  self.run.parked = self.run.parked + 1
  self.engine:settle(self.run)
  return command.parked_mark
end

--- The timer of this command: { due, attempt }, or nil.
function command:timer()
  return self.engine:rows("timer.get", { run = self.run.id, seq = self.seq })[1]
end

--- Sleep until a time (ms), durably, with what is in cmd.tx. Called again when it is
--- over, the handler finds its timer due. Behind a failed attempt: its number, and when the
--- first one began.
function command:sleep_until(due, attempt, since)
  self.tx:add("timer.put", { run = self.run.id, seq = self.seq, due = due, attempt = attempt, since = since })
  if self.intended then self:commit() else self:intent("pure") end
  self.engine:set_timer()
end

--- Which attempt begins now, from 1; nil, and what the handler returns, while the pause
--- after the last one goes on.
function command:attempt()
  local row = self.intended and self:timer()
  if not row then return 1 end
  if row.due > self.engine.clock() then return nil, self:park("timer") end
  self.first_ms = row.since
  return row.attempt + 1
end

--- Nobody waits for this any more. What is on its way to the outside is waited for all the
--- same, before its run is put away or over.
function command:give_up()
  local run = self.run
  run.pending[self.seq] = nil
  if self.acting and self.acted then self.flying, run.flying = true, run.flying + 1 end
end

--- The whole of a durable pause of `ms`: true when it is over, else false and what the
--- handler returns to be called again.
function command:rest(ms)
  if not self.intended then self:sleep_until(self.now + ms) end
  local row = self:timer()
  if row and row.due > self.engine.clock() then return false, self:park("timer") end
  self.tx:add("timer.drop", { run = self.run.id, seq = self.seq })
  return true
end

--- The attempt that failed with `err` surely changed nothing: pause and try again, where
--- the policy has it. What it cost goes along. Returns what the handler returns then, to
--- be called again with its timer due; nil when there is no other try.
-- @param policy  as retry.policy gives it; nil is retry.default
function command:try_again(policy, attempt, err)
  local now = self.engine.clock()
  self.first_ms = self.first_ms or self.now
  local ms = retry.pause(policy or retry.default, { attempt = attempt, code = err.code, retry = err.retry,
    after_ms = err.after_ms, since = self.first_ms, now = now, key = self.key })
  if not ms then return nil end
  self:note("retry", { attempt = attempt, code = err.code, message = err.message, delay_ms = ms }, self.cost)
  self.cost, self.settles = nil, nil
  self:sleep_until(now + ms, attempt, self.first_ms)
  return self:park("timer")
end

local function plain_failure(err)
  if type(err) ~= "table" then return { code = "error", message = tostring(err) } end
  return { code = err.code or "error", message = err.message or "failed", number = err.number, raise = err.raise }
end

--- What became of an effect whose command nobody waits for any more, for the record.
local function late(self, cmd, value, err)
  if not cmd.settles then
    cmd.tx = self.store:tx()
    if cmd.told then cmd.tx:add("audit.put", cmd.told) end
  end
  local what = { key = cmd.key, value = value, error = err and plain_failure(err) }
  cmd:note("late", what)
  cmd.tx:add("audit.put", { now = self.clock(), who = cmd.run.agent, what = "effect.late", subject = cmd.run.run .. "/" .. cmd.seq,
    run = cmd.run.run, seq = cmd.seq, detail_codec = what })
  return self:commit(cmd.tx)
end

--- An effect that was given up while it was on its way (ctx.any, a timeout) has arrived, or
--- not. Until then its run is neither put away nor over: a crash meanwhile must be noticed.
local function landed(self, cmd, value, err)
  local run = cmd.run
  self:task(function()
    if cmd.acted and not late(self, cmd, value, err) then return end
    run.flying = run.flying - 1
    if run.flying > 0 or self.active[run.id] ~= run then return end
    if run.end_with then return self:end_run(run, table.unpack(run.end_with, 1, 2)) end
    self:settle(run)
  end)
end

--- The result of a command: recorded with what the handler put into cmd.tx. When
--- nobody wants it any more only what is settled with the outside (`cmd.settles`: money
--- that was spent) becomes true.
function commands:finish(cmd, value, err)
  local run = cmd.run
  if self.failed then return end
  if not cmd:wanted() then
    if cmd.flying then return landed(self, cmd, value, err) end
    if cmd.settles then self:task(function() self:commit(cmd.tx) end) end
    return
  end
  crash.point "performed"
  self:moment(cmd, "after_effect", err)
  run.pending[cmd.seq] = nil
  run.idle = false
  run:mark_running(self, cmd.tx)
  local failed = err ~= nil
  if value == nil then value = json.null end
  local function record(how, what)
    return run.handle:finish(cmd.tx, cmd.seq, how, what, cmd.effect or "pure", cmd.cost or 0, self.clock())
  end
  local ok, message = record(failed, failed and plain_failure(err) or value)
  if not ok then ok, message = record(true, { code = "result", message = message, raise = true }) end
  if not ok then return self:complain(message) end
  if cmd.after then
    self:task(function()
      if self:commit(self.store:tx()) then cmd.after() end
    end)
  end
  if run.cancel_wanted then self:give_up(run) end
end

function commands:perform(cmd)
  crash.point "perform"
  self:moment(cmd, "before_effect")
  cmd.now, cmd.again = self.clock(), nil
  cmd.tx = self.store:tx()
  self.tasks = self.tasks + 1
  local handed_over = false
  local function over(value, err)
    if handed_over then return end
    handed_over = true
    self.tasks = self.tasks - 1
    cmd.acting = nil
    if value ~= command.parked_mark then self:finish(cmd, value, err) end
  end
  -- what a handler had gathered when it broke off does not become true
  local function broken(err)
    if not cmd.settles then cmd.tx = self.store:tx() end
    over(nil, err)
  end
  loop.spawn(function()
    local handler = handler_of(cmd.kind)
    if handler then over(handler(cmd))
    else over(nil, { code = "error", message = "no command '" .. cmd.kind .. "'", raise = true }) end
  end, function(message, trace)
    if type(message) == "table" or self.failed then return broken(message) end
    self:complain(trace)
    broken({ code = "internal", message = "internal error: " .. tostring(message), raise = true })
  end)
end

return commands
