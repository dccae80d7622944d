--- ctx.model, and skills that a model performs. The money is held before the call leaves
--- and settled in the transaction that keeps the answer.
local errors = require "errors"
local json = require "json"
local loop = require "loop"
local model = require "model"

--- The models of an engine, opened at the first call. Opening takes a while (old
--- reservations are looked at), so who comes meanwhile waits for the same ones.
local function models_of(engine)
  while engine.opening_models do
    loop.await(function(wake) table.insert(engine.opening_models, wake) end)
  end
  if engine.models then return engine.models end
  local waiting = {}
  engine.opening_models = waiting
  local ok, made, message = pcall(model.open, { settings = engine.settings, store = engine.store, now = engine.clock,
    commit = function(tx) return engine:commit(tx) end })
  engine.opening_models = nil
  engine.models = ok and made or nil
  for _, wake in ipairs(waiting) do wake() end
  return engine.models or error(ok and message or made, 0)
end

local function ask(cmd, request)
  local run = cmd.run
  if cmd.engine.options.answer then return cmd.engine.options.answer(cmd) end
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
