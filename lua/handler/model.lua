--- ctx.model, and skills that a model performs. The money is held before the call leaves
--- and settled in the transaction that keeps the answer.
local errors = require "errors"
local json = require "json"
local loop = require "loop"
local model = require "model"

--- Submit and wait. A reservation that finds no room is refused by the ledger, which is
--- no failure of the store.
local function commit_of(engine)
  return function(tx)
    engine.submitted = engine.submitted + 1
    local ok, message, code = loop.await(function(wake) engine.runner:submit(tx, wake) end)
    engine.submitted = engine.submitted - 1
    if not ok and code ~= "budget" then engine:fail_store(message, code) end
    return ok, message, code
  end
end

--- The models of an engine, opened at the first call.
local function models_of(engine)
  if not engine.models then
    engine.models = assert(model.open { settings = engine.settings, store = engine.store, now = engine.clock,
      commit = commit_of(engine) })
  end
  return engine.models
end

local function ask(cmd, request)
  local run = cmd.run
  local answer, message, code, detail = models_of(cmd.engine):ask(request,
    { run = run.run, agent = run.agent, seq = cmd.seq, limits = run.setup.budget, tx = cmd.tx })
  cmd.effect = "idempotent"
  if not answer then
    cmd.cost = detail and detail.cost_picousd or 0
    return nil, { code = code, message = message }
  end
  cmd.cost, cmd.settles = answer.cost_picousd, true
  if answer.value ~= nil then return answer.value end
  return answer.text
end

local handler = {}

--- A skill by its `model` part: a prompt (with {field} for fields of the input, or the
--- input as JSON behind it) and the skill's output schema.
function handler.skill(cmd, skill)
  local part, args = skill.manifest.model, cmd.args
  if type(part.prompt) ~= "string" then
    return nil, { code = "invalid_request", message = ("skill %s: a model's prompt must be text"):format(cmd.name) }
  end
  local used = false
  local prompt = part.prompt:gsub("{([%w_]+)}", function(name)
    local value = type(args) == "table" and args[name]
    if value == nil then return nil end
    used = true
    return type(value) == "string" and value or assert(json.encode(value))
  end)
  if not used then prompt = prompt .. "\n\n" .. assert(json.encode(args)) end
  return ask(cmd, { tier = part.tier, system = part.system, prompt = prompt, schema = part.schema or skill.manifest.output,
    max_tokens = part.max_tokens, temperature = part.temperature })
end

return setmetatable(handler, { __call = function(_, cmd)
  local value, err = ask(cmd, cmd.args)
  if err and err.code == "invalid_request" then
    err.number = errors.new("K8013", { provider = "the model client", detail = err.message }).number
  end
  return value, err
end })
