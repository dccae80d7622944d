--- Manifests of agents and skills: what a script says about itself.
--
--   local agent, err = manifest.agent(raw, { file = "agents/triage.lua",
--     source = text, name = "triage" })
--
-- `raw` is the table that the script handed to agent{} or skill{}, with
-- functions replaced by { ["$function"] = line }. What comes back is normalized:
-- money in pico-USD, times in milliseconds, sizes in bytes, `on` always a list,
-- defaults filled in. An error is of the K2 family and points at the line.

local errors = require "errors"
local luasource = require "luasource"
local retry = require "retry"
local schema = require "schema"
local shape = require "shape"
local suggest = require "suggest"
local times = require "trigger"
local values = require "schema.values"
local where = require "where"

local manifest = {}

--- Caps of an agent that declares none.
manifest.default_caps = { instructions = 20000000, memory_bytes = 32 << 20,
  wall_ms = 60000 }

manifest.effects = { "pure", "read", "local", "idempotent", "at_most_once" }

-- Shapes ------------------------------------------------------------------------

local name_pattern = "^%a[%w_]*$"

local function name_of(what)
  return shape.text(name_pattern, ("the name of %s (letters, digits, '_')")
    :format(what))
end

--- A JSON Schema, in the strict reading: unknown keywords are errors.
local function json_schema(value, path)
  if type(value) ~= "boolean" and type(value) ~= "table" then
    shape.wrong_type(value, path, "a JSON Schema (a table)")
  end
  local validator, problem = schema.compile(value, { strict = true })
  if not validator then
    shape.refuse("K2106", shape.at(path, table.unpack(problem.keys)),
      { field = shape.name(path), detail = (problem.path == "" and ""
        or problem.path .. ": ") .. problem.message })
  end
  return value
end
shape.says(json_schema, "a JSON Schema")

local calls = shape.amount

local function fractions(value, path)
  local list = shape.list(shape.number(0, 1))(value, path)
  table.sort(list)
  return list
end
shape.says(fractions, "a list of numbers, 0 to 1")

--- Conditions on a payload, see where.lua.
local function filter(value, path)
  if type(value) ~= "table" or value[1] ~= nil or value["$function"] then
    shape.wrong_type(value, path, "a table of payload fields")
  end
  local at, message = where.problem(value)
  if at then shape.bad_value(shape.at(path, table.unpack(at)), message) end
  return value
end
shape.says(filter, "a table of payload fields")

--- A number, or the payload field that holds one.
local function priority(value, path)
  if type(value) == "number" then return shape.number(-1e9, 1e9)(value, path) end
  if type(value) ~= "string" then shape.wrong_type(value, path, "a number, or the name of a payload field") end
  return shape.text()(value, path)
end
shape.says(priority, "a number, or the name of a payload field")

--- So many in a window of time; "30/run" means nothing here.
local function throttle(value, path)
  local rate = shape.rate(value, path)
  if not rate.per_ms then shape.bad_value(path, 'expected a rate like "20/min"') end
  return rate
end
shape.says(throttle, 'a rate like "20/min"')

local event_name = shape.text("^[%w_]+[%w_.%-]*[%w*]?$",
  'an event type like "mail.received", or a beginning like "mail.*"')

local triggers = {
  event = shape.record("an event trigger", {
    event = event_name, where = filter, key = shape.text(),
    throttle = throttle, priority = priority, order = shape.text(), fair = shape.text(),
    debounce = { times.window, as = "debounce_ms" }, coalesce = { times.window, as = "coalesce_ms" } }),
  cron = times.shapes.cron, every = times.shapes.every, at = times.shapes.at,
}

local function trigger(value, path)
  if type(value) ~= "table" or value["$function"] then
    shape.wrong_type(value, path, "a table with event, cron, every or at")
  end
  local kind
  for _, name in ipairs(values.keys(triggers)) do
    if value[name] ~= nil then
      if kind then
        shape.bad_value(path, ("it has both '%s' and '%s'; write two triggers")
          :format(kind, name))
      end
      kind = name
    end
  end
  if not kind then
    local odd = values.keys(value)[1]
    if odd then
      shape.refuse("K2101", shape.at(path, odd), { field = odd,
        where = "a trigger", expected = "one of event, cron, every, at",
        suggestion = suggest.nearest(odd, triggers) })
    end
    shape.refuse("K2102", path, { field = "event, cron, every or at",
      where = "a trigger" })
  end
  local out = triggers[kind](value, path)
  out.kind = kind
  return out
end
shape.says(trigger, "a trigger", { choices = triggers })

local caps = shape.record("caps", {
  instructions = { shape.integer(1000),
    default = manifest.default_caps.instructions },
  memory = { shape.bytes, as = "memory_bytes",
    default = manifest.default_caps.memory_bytes },
  wall = { shape.duration, as = "wall_ms",
    default = manifest.default_caps.wall_ms },
})

local budget = shape.record("a budget", {
  run = { shape.money, as = "run_picousd" },
  hour = { shape.money, as = "hour_picousd" },
  day = { shape.money, as = "day_picousd" },
  month = { shape.money, as = "month_picousd" },
  calls = calls, tokens = calls, warn = fractions,
  parallel = shape.integer(1, 1024), loops = shape.integer(1, 1000),
})

local pattern_list = shape.one_or_list(shape.text())

--- Tried again how often, and when: what retry.policy makes of it.
local function retries(value, path)
  local policy, message = retry.policy(value)
  if not policy then shape.bad_value(path, message) end
  return policy
end
shape.says(retries, "how often and when it is tried again")

local agent_shape = shape.record("an agent's manifest", {
  version = { shape.integer(1), required = true },
  about = shape.text(),
  on = { times.list(trigger), default = {} },
  concurrency = shape.integer(1, 10000),
  input = json_schema, output = json_schema, config = json_schema,
  caps = { caps, default = manifest.default_caps },
  budget = { budget, default = {} },
  uses = { shape.list(name_of("a skill")), default = {} },
  locally = { shape.list(name_of("a skill")), default = {} },
  memory = { shape.record("memory", { read = pattern_list,
    write = pattern_list }), default = {} },
  policy = require("policy").shape(false),
  on_node = shape.text(),
  timeout = { shape.duration, as = "timeout_ms" },
  run = { shape.code, required = true },
})

local function text_or_code(value, path)
  if type(value) == "string" then return shape.text()(value, path) end
  if type(value) ~= "table" or not value["$function"] then
    shape.wrong_type(value, path, "a string or a function")
  end
  return value
end
shape.says(text_or_code, "text, or a function")

local example = shape.record("an example", {
  name = shape.text(), input = { shape.any, required = true },
  output = { shape.any, required = true },
})

local skill_shape = shape.record("a skill's manifest", {
  version = { shape.integer(1), required = true },
  about = shape.text(),
  input = json_schema, output = json_schema,
  effect = { shape.one_of(manifest.effects), default = "pure" },
  needs = { shape.record("needs", {
    hosts = { shape.list(shape.text("^[%w.*:%-%[%]]+$", "a host name")),
      default = {} },
    secrets = { shape.list(shape.text()), default = {} },
    skills = { shape.list(name_of("a skill")), default = {} },
  }), default = { hosts = {}, secrets = {}, skills = {} } },
  examples = { shape.list(example), default = {} },
  retry = retries,
  ["local"] = shape.code,
  model = shape.record("a model implementation", {
    tier = { shape.text(), required = true },
    prompt = { text_or_code, required = true },
    system = text_or_code, schema = json_schema,
    max_tokens = shape.integer(1), temperature = shape.number(0, 2),
    attempts = shape.integer(1, 10), shots = shape.integer(0, 50),
  }),
})

--- The shapes of manifests, for pages that tell of them.
manifest.shapes = { agent = agent_shape, skill = skill_shape }

-- Errors --------------------------------------------------------------------------

--- The error of a problem at its line.
-- @param origin  { file =, source = }
local function located(problem, origin)
  local fields = problem
  fields.file, fields.source = origin.file, origin.source
  if origin.source then
    fields.line = luasource.line(origin.source, problem.path)
  end
  return errors.new(problem.number, fields)
end

local function check_name(kind, origin)
  local name = origin.name
  if name and (not name:match(name_pattern) or #name > 64) then
    return errors.new("K2108", { name = name, kind = kind, file = origin.file })
  end
end

local function not_a_manifest(raw, kind, origin)
  return errors.new("K2107", { file = origin.file or "the file",
    got = values.type_name(raw),
    expected = kind == "a skill" and "skill { ... }" or "agent { ... }" })
end

local function checked(checker, raw, kind, origin)
  local bad = check_name(kind, origin)
  if bad then return nil, bad end
  if type(raw) ~= "table" or raw["$function"] then
    return nil, not_a_manifest(raw, kind, origin)
  end
  local result, problem = shape.check(checker, raw)
  if not result then return nil, located(problem, origin) end
  result.name = origin.name
  return result
end

--- The names of a list must all be known: K2109 at the line of the first that
-- is not.
local function check_skills(list, path, owner, origin)
  if not origin.skills then return end
  for i, name in ipairs(list) do
    if not origin.skills[name] then
      return located({ number = "K2109", path = shape.at(path, i), name = name,
        owner = owner, suggestion = suggest.nearest(name, origin.skills) }, origin)
    end
  end
end

-- Faces ---------------------------------------------------------------------------

--- Check an agent's manifest.
-- @param origin  { file =, source =, name =, skills = }: the file as people call
--   it, its text, the agent's name; `skills` (optional) is a set of the names
--   that may stand in `uses`
-- @return { name, version, about, on = { { kind = "event", event, where, key,
--   throttle = { count, per_ms }, debounce_ms, coalesce_ms, order, fair,
--   priority } | a schedule's definition (lua/trigger.lua) with kind = "cron",
--   "every" or "at" }, concurrency, input, output, config, caps =
--   { instructions, memory_bytes, wall_ms }, budget = { run_picousd,
--   hour_picousd, day_picousd, month_picousd, calls = { count, per_ms }, tokens =
--   { count, per_ms }, warn }, uses, memory = { read, write }, on_node, timeout_ms,
--   run }; `per_ms` is nil for "per run". Or nil, err.
function manifest.agent(raw, origin)
  local agent, err = checked(agent_shape, raw, "an agent", origin)
  if not agent then return nil, err end
  err = check_skills(agent.uses, { "uses" }, ("agent '%s'")
    :format(agent.name or "?"), origin)
  if err then return nil, err end
  return agent
end

--- An example's input must be one that the skill would take. (Its output may
-- name only the parts that matter, so it is compared when it runs.)
local function check_examples(skill, origin)
  local validator = skill.input ~= nil and schema.compile(skill.input)
  if not validator then return end
  for i, one in ipairs(skill.examples) do
    local ok, problems = validator:check(one.input)
    if not ok then
      return located({ number = "K2104", path = { "examples", i, "input" },
        what = ("the input of example %d"):format(i),
        detail = schema.describe(problems):gsub("\n.*", "") }, origin)
    end
  end
end

--- Check a skill's manifest. `origin` as for agents (`skills` is compared with
-- needs.skills).
-- @return { name, version, about, input, output, effect, needs = { hosts,
--   secrets, skills }, examples, retry (see retry.lua), ["local"], model }, or nil, err
function manifest.skill(raw, origin)
  local skill, err = checked(skill_shape, raw, "a skill", origin)
  if not skill then return nil, err end
  if not skill["local"] and not skill.model then
    return nil, located({ number = "K2110", path = {},
      name = origin.name or "?" }, origin)
  end
  err = check_skills(skill.needs.skills, { "needs", "skills" }, ("skill '%s'")
    :format(skill.name or "?"), origin) or check_examples(skill, origin)
  if err then return nil, err end
  return skill
end

--- The settings of an agent from config.lua, with the defaults of its `config`
-- schema; nil, err when they do not fit (`origin` is config.lua's).
function manifest.settings(agent, given, origin)
  local declared = agent.config
  local out = {}
  for key, value in next, given or {} do out[key] = value end
  if type(declared) ~= "table" then
    local extra = declared == nil and next(out)
    if extra then
      return nil, located({ number = "K2101", path = { "agents", agent.name, extra },
        field = extra, where = ("the settings of agent '%s', which declares none")
          :format(agent.name) }, origin)
    end
    return out
  end
  for key, property in next, declared.properties or {} do
    if out[key] == nil and type(property) == "table" then
      out[key] = property.default
    end
  end
  local ok, problems = schema.compile(declared):check(out)
  if ok then return out end
  local first = problems[1].path:match("^/([^/]+)")
  return nil, located({ number = "K2104", path = { "agents", agent.name, first },
    what = ("agents.%s"):format(agent.name),
    detail = schema.describe(problems):gsub("\n.*", "") }, origin)
end

-- Broken source ---------------------------------------------------------------------

--- Hints for slips that Lua's own message does not explain.
local function hint_for(message, text)
  if message:match("near 'local'") and text:match("^%s*local%s*=") then
    return '["local"] = function(input, lib) ... end, since local is a word of Lua'
  end
  if message:match("near '='") and text:match("==?%s*=") then
    return "one '=' to set and '==' to compare"
  end
  if text:match("!=") then return "~= for 'not equal'" end
end

--- A syntax error of Lua as an error with place and excerpt.
-- @param message  what load() said: '[string "x"]:12: unexpected symbol near ...'
function manifest.source_error(message, source, file)
  local line, detail = tostring(message):match("^.-:(%d+):%s*(.*)$")
  line = line and math.tointeger(tonumber(line))
  local text, number = "", 0
  for candidate in (source .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    if number == line then text = candidate end
  end
  return errors.new("K3001", { file = file, line = line, source = source,
    detail = detail or tostring(message),
    expected = hint_for(tostring(message), text) })
end


return manifest
