--- Adapters: the skills that touch the outside, with fixed contracts.
--
-- An adapter is { ops = { NAME = { effect =, perform = function(cmd, key) -> result | nil, err,
-- probe = function(cmd, key) -> "happened", result | "not" | "unknown", undo = } } }. Which
-- one stands behind a name ("mail") is one line in config.lua (adapters.mail).
--
-- Before an effect that may happen at most once its intent is durable. After a crash the
-- adapter is asked whether it happened; nobody guesses.
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
  if not ok then
    error({ code = "unknown_adapter", number = "K2008", raise = true,
      message = errors.new("K2008", { name = use }).message }, 0)
  end
  e.adapters[name] = made.open(e, name, entry)
  return e.adapters[name]
end

local function op_of(one, name, cmd)
  local op = cmd.args.op
  local found = type(op) == "string" and one:op(op)
  if found then return found end
  local near = type(op) == "string" and one.ops and suggest.nearest(op, one.ops)
  error({ code = "wrong_use", number = "K3003", raise = true, message = ("adapter '%s' has no op '%s'%s"):format(name,
    tostring(op), near and (", did you mean '" .. near .. "'?") or "") }, 0)
end

--- The effect may have happened before a crash: ask, and never do it twice.
local function after_crash(cmd, op, key)
  local answer, result = "unknown", nil
  crash.point "probe"
  if op.probe then answer, result = op.probe(cmd, key) end
  if answer == "happened" then return true, result end
  if answer == "not" then return false end
  error({ code = "needs_reconciliation", number = "K7002", raise = true,
    message = ("did '%s' of run %s happen? nobody can tell"):format(key, cmd.run.run) }, 0)
end

--- Perform cmd.args.op of the adapter cmd.name.
function adapter.perform(cmd)
  local one = open(cmd.engine, cmd.name)
  local op = op_of(one, cmd.name, cmd)
  local key = type(cmd.args.key) == "string" and cmd.args.key or cmd.key
  cmd.effect = op.effect
  if op.effect == "at_most_once" then
    if cmd.intended then
      local happened, result = after_crash(cmd, op, key)
      if happened then return result end
    else
      cmd:intent("at_most_once")
    end
  end
  crash.point "before_effect"
  local result, err = op.perform(cmd, key)
  crash.point "after_effect"
  return result, err
end

return adapter
