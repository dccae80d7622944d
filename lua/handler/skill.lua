--- ctx.skill.NAME: a skill by its local code (done already, inside the run's sandbox),
--- by a model, or an adapter that touches the outside.
local adapters = require "adapter"
local errors = require "errors"
local schema = require "schema"

local function mismatch(name, side, problems)
  return { code = "skill_mismatch", number = "K3008", raise = true, message =
    errors.new("K3008", { name = name, side = side, detail = schema.describe(problems):gsub("\n.*", "") }).message }
end

local function check(skill, side, value)
  local described = skill.manifest[side]
  if described == nil then return true end
  local ok, problems = schema.compile(described):check(value)
  if ok then return true end
  return nil, mismatch(skill.name, side, problems)
end

--- The skill as the run is pinned to it, not as it is on the disk now.
local function pinned(cmd)
  local source = cmd.run.setup.sources["skill/" .. cmd.name]
  return cmd.engine:pinned_skill(cmd.name, source)
end

local function done_by_script(cmd, skill)
  local ok, err = check(skill, "input", cmd.args)
  if not ok then return nil, err end
  if cmd.failed then
    local why = cmd.outcome
    return nil, { code = why.code, message = why.message, raise = why.raise }
  end
  ok, err = check(skill, "output", cmd.outcome)
  if not ok then return nil, err end
  return cmd.outcome
end

local function by_model(cmd, skill)
  local ok, err = check(skill, "input", cmd.args)
  if not ok then return nil, err end
  local attempt, mark = cmd:attempt()
  if not attempt then return mark end
  local value
  value, err = require("handler.model").skill(cmd, skill)
  if value ~= nil then
    ok, err = check(skill, "output", value)
    if not ok then value = nil end
  end
  -- the model client has its own retries; these are the skill's, where it declares some
  local policy = value == nil and skill.manifest.retry
  local again = policy and cmd:try_again(policy, attempt, err)
  if again then return again end
  if attempt > 1 then cmd.tx:add("timer.drop", { run = cmd.run.id, seq = cmd.seq }) end
  return value, err
end

return function(cmd)
  local how = cmd.run.setup.skills[cmd.name]
  if how == "adapter" then return adapters.perform(cmd) end
  local skill = pinned(cmd)
  if how == "model" then return by_model(cmd, skill) end
  cmd.effect = skill.manifest.effect
  return done_by_script(cmd, skill)
end
