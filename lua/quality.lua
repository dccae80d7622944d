--- How well a skill does what its examples say: by its local code, and by a model.
--
--   local one = quality.locally(library, skill, example, zone)   -- { ok, score, ms, ... }
--   local one = quality.by_model(client, skill, example, { shots = { example } })
--
-- `score` is the part of what the example names that came out so (0 to 1), `ok` all of it.
local clock = require "core.clock"
local json = require "json"
local subset = require "subset"

local quality = {}

local function leaves(value)
  if type(value) ~= "table" or next(value) == nil then return 1 end
  local n = 0
  for _, one in pairs(value) do n = n + leaves(one) end
  return n
end

local function judged(example, output, ms)
  local differences = subset.differences(example.output, output)
  local score = math.max(0, 1 - #differences / math.max(1, leaves(example.output)))
  if output == nil then score = 0 end
  return { ok = #differences == 0, score = score, ms = ms, differences = differences, output = output }
end

--- By the local code; nil when there is none.
function quality.locally(lib, skill, example, zone)
  if not skill.manifest["local"] then return nil end
  local began = clock.mono_us()
  local output, err = lib:try_skill(skill.name, example.input, zone)
  local ms = (clock.mono_us() - began) // 1000
  if output == nil and err then return { ok = false, score = 0, ms = ms, error = tostring(err.message or err) } end
  return judged(example, output, ms)
end

--- By a model, through the real client and its budget; nil when no model can do it. Options:
-- tier (else the skill's), shots (examples that the model is shown).
function quality.by_model(client, skill, example, options)
  local part = skill.manifest.model
  if not part then return nil end
  local request = require("handler.model").request(skill, example.input, options.shots)
  request.tier = options.tier or request.tier
  local answer, message, code, detail = client:ask(request, {})
  if not answer then
    return { ok = false, score = 0, ms = 0, error = ("%s: %s"):format(code, message), code = code, cost = detail and detail.cost_picousd or 0 }
  end
  local one = judged(example, answer.value, answer.ms)
  one.cost = answer.cost_picousd
  return one
end

--- The sum of a list of such: { n, held, score, cost_picousd, p50_ms, p95_ms, errors }.
function quality.sum(list)
  local times, out = {}, { n = #list, held = 0, score = 0, cost = 0, errors = 0 }
  for i, one in ipairs(list) do
    times[i] = one.ms
    out.held, out.score, out.cost = out.held + (one.ok and 1 or 0), out.score + one.score, out.cost + (one.cost or 0)
    out.errors = out.errors + (one.error and 1 or 0)
  end
  table.sort(times)
  out.score = #list > 0 and math.floor(out.score / #list * 1000 + 0.5) / 1000 or 0
  out.p50_ms, out.p95_ms = times[math.max(1, math.ceil(#times * 0.5))], times[math.max(1, math.ceil(#times * 0.95))]
  return out
end

--- For JSON: money as text.
function quality.shown(sum)
  if not sum then return json.null end
  return { examples = sum.n, held = sum.held, score = sum.score, cost_picousd = tostring(sum.cost), p50_ms = sum.p50_ms, p95_ms = sum.p95_ms, errors = sum.errors }
end

return quality
