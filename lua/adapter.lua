--- Adapters: the skills that touch the outside, with fixed contracts.
--
-- An adapter is a module { open = function(engine, name, settings) -> one }, where one:op(NAME)
-- gives nil or
--   { effect = "read"|"idempotent"|"at_most_once"|..., risk = a word of policy.lua ("outward"), perform = function(cmd, key) -> result | nil, err,
--     probe = function(cmd, key) -> "happened", result | "not" | "unknown",
--     undo = function(cmd, key, result) -> result | nil, err, retry = a policy (retry.lua),
--     keeps = true where what it is given can be read again from the same adapter }
-- An adapter whose replies, but for what it reads, hold no words of others has own_words = true.
-- Which one stands behind a name ("mail") is one line in config.lua (adapters.mail).
--
-- err = { code, message, unknown?, retry?, after_ms? }: `unknown` says that the effect may
-- have happened although no answer came; without it, it surely did not.
--
-- An effect is in the journal as intended before it is performed. When nobody knows whether
-- it happened (a crash, a lost answer) an idempotent one is sent again with the same key;
-- for any other the adapter's probe is asked, and where that does not know either, the owner
-- (engine/questions.lua). Nobody guesses.
local crash = require "core.crash"
local errors = require "errors"
local suggest = require "suggest"

local adapter = {}

--- The adapters of an engine: their files and accounts are those of its home.
local function open(e, name)
  e.adapters = e.adapters or {}
  if e.adapters[name] then return e.adapters[name] end
  local entry = e.settings.adapters[name]
  local use = type(entry) == "table" and entry.use or entry
  local ok, made = pcall(require, "adapter." .. use)
  if not ok or type(made) ~= "table" or not (made.open and made.op) then -- a part of one is none
    error({ code = "unknown_adapter", number = "K2008", raise = true,
      message = errors.new("K2008", { name = use }).message }, 0)
  end
  e.adapters[name] = made.open(e, name, entry)
  return e.adapters[name]
end

--- Whether what the adapter of that name answers, other than by reading, is in the house's own
--- words: keys, ids and folders, and nothing that a service says.
function adapter.has_own_words(e, name)
  if not e.settings.adapters[name] then return false end
  local ok, one = pcall(open, e, name)
  return ok and one.own_words == true
end

local function op_of(one, name, cmd)
  local op = cmd.args.op
  local found = type(op) == "string" and one:op(op)
  if found then return found end
  local near = type(op) == "string" and one.ops and suggest.nearest(op, one.ops)
  error({ code = "wrong_use", number = "K3003", raise = true, message = ("adapter '%s' has no op '%s'%s"):format(name,
    tostring(op), near and (", did you mean '" .. near .. "'?") or "") }, 0)
end

--- The risk of an op of an adapter; nil where there is none of that name.
function adapter.risk(e, name, op)
  if not e.settings.adapters[name] then return nil end
  local ok, one = pcall(open, e, name)
  local found = ok and one:op(op)
  return found and found.risk or nil
end

local function changes_the_world(op) return op.effect == "idempotent" or op.effect == "at_most_once" end

--- Did it happen? "happened", result | "not" | "unknown".
local function probe(cmd, op, key)
  if not op.probe then return "unknown" end
  crash.point "probe"
  local answer, result = op.probe(cmd, key)
  crash.point "probed"
  return answer or "unknown", result
end

--- Ask the owner whether it happened, and wait for the answer.
local function ask(cmd, op, key, why)
  cmd:note("unknown", { key = key, message = why })
  cmd.engine:ask_owner(cmd, { kind = "reconcile", subject = ("%s.%s %s"):format(cmd.name, cmd.args.op, key),
    proposal = { adapter = cmd.name, op = cmd.args.op, key = key, args = cmd.args, why = why, undo = op.undo ~= nil and cmd:wanted(),
      orphan = not cmd:wanted() or nil }, risk = cmd.args.risk })
  cmd.acted = nil -- the question says it all
  crash.point "ask"
  cmd:commit()
  crash.point "asked"
  return cmd:park("reconcile")
end

--- Send it. `attempt` counts from 1.
local function send(cmd, op, key, attempt)
  local effect = changes_the_world(op)
  cmd.acting, cmd.acted = true, effect -- a cancellation waits for what is on its way
  crash.point "before_effect"
  local result, err = op.perform(cmd, key)
  crash.point "after_effect"
  cmd.acting = nil
  if err == nil then return result end
  if err.unknown and effect then
    local again = op.effect == "idempotent" and cmd:try_again(op.retry, attempt, err)
    if again then return again end
    local answer, found = probe(cmd, op, key)
    if answer == "happened" then return found end
    if answer ~= "not" then return ask(cmd, op, key, err.message) end
  end
  local again = cmd:try_again(op.retry, attempt, err)
  if again then return again end
  return nil, err
end

--- What the owner answered.
local answers = {}

function answers.happened(cmd, _, key, row)
  if row.value == nil then return { key = key, reconciled = true } end
  return row.value
end

--- It did not happen, so it is sent: intended anew, for a crash now makes a new question.
function answers.not_happened(cmd, op, key)
  cmd:commit()
  return send(cmd, op, key, 1)
end

--- It happened, and shall not have: undo it here; the steps before it are the run's own.
function answers.undo(cmd, op, key, row)
  crash.point "before_undo"
  local _, err = op.undo(cmd, key, row.value)
  crash.point "after_undo"
  if err then
    cmd.tx = cmd.engine.store:tx()
    cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
    return ask(cmd, op, key, "undoing it failed: " .. tostring(err.message))
  end
  return nil, { code = "undone", raise = true, message = ("%s.%s %s was undone"):format(cmd.name, cmd.args.op, key) }
end

function answers.abandon(cmd, _, key)
  cmd:commit()
  return cmd.engine:abandon(cmd, ("whether %s.%s %s happened was left open"):format(cmd.name, cmd.args.op, key))
end

--- This command was begun before: where does it stand?
local function go_on(cmd, op, key)
  local row = cmd.engine:question_of(cmd)
  if row and row.state == "open" then return cmd:park("reconcile") end
  if row and not row.delivered then
    cmd.engine:note_answer(cmd, row)
    crash.point "answered"
    return answers[row.state](cmd, op, key, row)
  end
  local attempt, mark = cmd:attempt()
  if not attempt then return mark end
  if attempt > 1 then
    cmd.tx:add("timer.drop", { run = cmd.run.id, seq = cmd.seq })
    cmd:commit() -- from here on it may have happened
    return send(cmd, op, key, attempt)
  end
  if op.effect ~= "at_most_once" then return send(cmd, op, key, 1) end
  local answer, result = probe(cmd, op, key)
  if answer == "happened" then return result end
  if answer == "not" then return send(cmd, op, key, 1) end
  return ask(cmd, op, key, "the engine ended before its outcome was known")
end

--- What was done to the world is a row of the audit trail, true with the result.
local function told(cmd, op, key, result, err)
  if result == cmd.parked_mark then return result, err end
  cmd.engine:saw_reply(cmd, op, result, err)
  if err == nil then
    cmd.told = { now = cmd.engine.clock(), who = cmd.run.agent, what = "effect",
      subject = ("%s.%s %s"):format(cmd.name, cmd.args.op, key), run = cmd.run.run, seq = cmd.seq }
    cmd.tx:add("audit.put", cmd.told)
  end
  return result, err
end

local function key_of(cmd) return type(cmd.args.key) == "string" and cmd.args.key or cmd.key end

--- Perform cmd.args.op of the adapter cmd.name.
function adapter.perform(cmd)
  local one = open(cmd.engine, cmd.name)
  local op = op_of(one, cmd.name, cmd)
  local key = key_of(cmd)
  cmd.effect = op.effect
  local effect = changes_the_world(op)
  local allowed, fresh, err = true, not cmd.intended, nil
  if effect or op.effect == "read" then allowed, fresh, err = cmd.engine:permit(cmd, op, key) end
  if not allowed then return fresh, err end
  key = key_of(cmd) -- who approved may have changed it
  if not effect then
    if op.effect == "read" then cmd.engine:saw_read(cmd) end
    if not fresh then return go_on(cmd, op, key) end
    return send(cmd, op, key, 1)
  end
  if cmd.intended and not fresh then return told(cmd, op, key, go_on(cmd, op, key)) end
  if not cmd.intended then cmd:intent(op.effect) end
  return told(cmd, op, key, send(cmd, op, key, 1))
end

return adapter
