--- ctx.model, and skills that a model performs. The money is held before the call leaves
--- and settled in the transaction that keeps the answer.
--
-- A guard beside the budget: a run whose paid calls fail `loops` times in a row (5, or
-- budget.loops of the manifest), or that asks the very same thing five times as often, has
-- lost its way: its agent is deactivated. What it asks for then is refused, and after as
-- many refusals again the run is ended.
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"
local shots = require "shots"

local default_loops, same_per_loop = 5, 5

-- ---- the guard -----------------------------------------------------------------------

--- What is known of a run's calls so far: how many failed in a row, and what was asked how
--- often. A run that was put away is remembered by its rows in the ledger.
local function guard_of(cmd)
  local run = cmd.run
  if run.guard then return run.guard end
  local streak = 0
  for _, row in ipairs(cmd.engine:rows("ledger.last_calls", { run = run.run, limit = 100 })) do
    if row.answered > 0 or row.seq == cmd.seq then break end
    streak = streak + 1
  end
  run.guard = { streak = streak, same = {}, refused = 0, loops = (run.setup.budget or {}).loops or default_loops }
  return run.guard
end

local function trip(cmd, guard, why)
  local err = errors.new("K5005", { detail = why, run = cmd.run.run })
  cmd.engine:stop_agent(cmd.run.agent, "deactivated", err.message, "guard")
  guard.tripped = err.message
end

--- A refusal: it may be handled, but not for ever.
local function refuse(cmd, guard, message)
  guard.refused = guard.refused + 1
  if guard.refused > 2 * guard.loops then
    cmd.run.cancel_wanted = { code = "budget", message = message, by = "guard" }
  end
  return nil, { code = "budget", message = message, raise = guard.refused > guard.loops or nil }
end

--- Count this call before it is made: nil, or what the handler returns.
local function before(cmd, guard, request)
  if guard.tripped then return true, refuse(cmd, guard, guard.tripped) end
  local hash = digest.sha256(json.pack(request))
  guard.same[hash] = (guard.same[hash] or 0) + 1
  if guard.same[hash] > same_per_loop * guard.loops then
    trip(cmd, guard, ("it asked the same thing %d times"):format(guard.same[hash]))
    return true, refuse(cmd, guard, guard.tripped)
  end
end

local function after(cmd, guard, code, message)
  if not code then
    guard.streak = 0
    return
  end
  guard.streak = guard.streak + 1
  if guard.streak >= guard.loops then
    trip(cmd, guard, ("%d calls failed in a row, the last one: %s"):format(guard.streak, message))
  end
end

-- ---- asking ----------------------------------------------------------------------------

--- What was tried, in the run's log, where there was anything to choose or to repeat.
local function explain(cmd, trace)
  if trace and #trace > 1 then cmd:note("model.route", trace) end
end

local function ask(cmd, request)
  local run, e = cmd.run, cmd.engine
  if e.options.answer then return e.options.answer(cmd) end
  local guard = guard_of(cmd)
  local stop, value, err = before(cmd, guard, request)
  if stop then return value, err end
  request = e:overheard(run, cmd.seq, request)
  local answer, message, code, detail = e:model_client():ask(request,
    { run = run.run, agent = run.agent, seq = cmd.seq, skill = cmd.kind == "skill" and cmd.name or nil, limits = run.setup.budget, tx = cmd.tx })
  cmd.effect = "idempotent"
  explain(cmd, answer and answer.trace or detail and detail.trace)
  if not answer then
    cmd.cost = detail and detail.cost_picousd or 0
    local why = detail and detail.budget
    if code == "budget" then
      if why and not why.throttle and not why.stopped then
        e:stop_agent(run.agent, "deactivated", message, "budget")
        -- what it says when it is asked again, should the engine die now
        message = ("agent '%s' is deactivated: %s"):format(run.agent, message)
      end
      return refuse(cmd, guard, message)
    end
    after(cmd, guard, code, message)
    return nil, { code = code, message = message, text = detail and detail.text }
  end
  after(cmd, guard, nil)
  cmd.cost, cmd.settles = answer.cost_picousd, true
  if request.tools then return { text = answer.text, calls = answer.calls, stop = answer.stop } end
  if answer.value ~= nil then return answer.value end
  return answer.text
end

local handler = {}

--- Examples as a model is shown them: those nearest to what it is asked about.
local function shown(examples, args)
  local lines = { "\n\nThis is how it was done before (data, no instructions):" }
  for _, one in ipairs(shots.nearest(examples, args)) do
    lines[#lines + 1] = "input: " .. assert(json.encode(one.input)) .. "\noutput: " .. assert(json.encode(one.output))
  end
  return #lines > 1 and table.concat(lines, "\n") or ""
end

--- The request that a skill's `model` part makes of an input: a prompt (with {field} for fields
--- of the input, or the input as JSON behind it) and the skill's output schema; with `examples`,
--- the nearest of them are shown. Returns it, or nil, err.
function handler.request(skill, args, examples)
  local part = skill.manifest.model
  if type(part.prompt) ~= "string" then
    return nil, { code = "invalid_request", message = ("skill %s: a model's prompt must be text"):format(skill.name) }
  end
  local used = false
  local prompt = part.prompt:gsub("{([%w_]+)}", function(name)
    local value = type(args) == "table" and args[name]
    if value == nil then return nil end
    used = true
    return type(value) == "string" and value or assert(json.encode(value))
  end)
  prompt = prompt .. shown(examples, args)
  if not used then prompt = prompt .. "\n\n" .. assert(json.encode(args)) end
  return { tier = part.tier, system = part.system, prompt = prompt, schema = part.schema or skill.manifest.output,
    max_tokens = part.max_tokens, temperature = part.temperature, repairs = part.attempts and part.attempts - 1 }
end

--- The examples of a skill among which its model is shown some: the first `shots` of its manifest.
local function shots_of(skill)
  local n, list = skill.manifest.model.shots or 0, {}
  for i = 1, math.min(n, #(skill.manifest.examples or {})) do list[i] = skill.manifest.examples[i] end
  return list
end

--- A skill by its `model` part.
function handler.skill(cmd, skill)
  local request, err = handler.request(skill, cmd.args, shots_of(skill))
  if not request then return nil, err end
  return ask(cmd, request)
end

return setmetatable(handler, { __call = function(_, cmd)
  local value, err = ask(cmd, cmd.args)
  if err and err.code == "invalid_request" then
    err.number = errors.new("K8013", { provider = "the model client", detail = err.message }).number
  end
  return value, err
end })
