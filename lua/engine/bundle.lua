--- What a run is pinned to: its input, its settings, the sources it can reach.
--
-- The bundle is the value of the run's first record. A save, a new price or another
-- model configured later changes new runs only.
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"
local manifest = require "manifest"
local prelude = require "prelude"
local rfc3339 = require "rfc3339"
local schema = require "schema"
local zone = require "zone"

local bundle = {}

local function has_tier(config, tier)
  local entries = config.tiers[tier]
  return entries ~= nil and entries[1] ~= nil
end

--- Which implementation of a skill runs: a model when its tier is configured, else, and
--- where the agent wants it so (`locally`), the local one; adapters are performed by the engine.
local function choose(self, name, locally)
  local skill = self.library.skills[name]
  if not skill then return self.settings.adapters[name] and "adapter" or nil end
  local model = skill.manifest.model
  if locally[name] and skill.manifest["local"] then return "local" end
  if model and (has_tier(self.settings, model.tier) or not skill.manifest["local"]) then return "model" end
  return "local"
end

local function set_of(list)
  local set = {}
  for _, name in ipairs(list or {}) do set[name] = true end
  return set
end

local function implementations(self, agent, reach)
  local chosen, locally = {}, set_of(agent.manifest.locally)
  for _, name in ipairs(agent.manifest.uses or {}) do chosen[name] = choose(self, name, locally) end
  for name, skill in pairs(reach) do
    chosen[name] = choose(self, name, locally)
    for _, other in ipairs(skill.manifest.needs.skills or {}) do chosen[other] = choose(self, other, locally) end
  end
  return chosen
end

local function pin(self, source)
  self.sources[source.hash] = source.text
  return { hash = source.hash, file = source.file }
end

--- What each skill may reach: skill -> set of names.
local function needs_of(reach)
  local needs = {}
  for name, skill in pairs(reach) do needs[name] = set_of(skill.manifest.needs.skills) end
  return needs
end

--- What every run of an agent shares, as long as the library holds this version of it.
function bundle.shared(self, agent)
  if agent.shared then return agent.shared end
  local config, err = manifest.settings(agent.manifest, self.settings.agents[agent.name], self.settings.origin)
  if not config then return nil, err end
  local reach = self.library:reach(agent)
  local sources = { agent = pin(self, agent) }
  for name, skill in pairs(reach) do sources["skill/" .. name] = pin(self, skill) end
  local caps = agent.manifest.caps
  agent.shared = { agent = agent.name, version = agent.manifest.version, config = config,
    output = agent.manifest.output, zone = self.settings.zone, memory = agent.manifest.memory,
    budget = agent.manifest.budget, skills = implementations(self, agent, reach), sources = sources,
    uses = set_of(agent.manifest.uses), needs = needs_of(reach),
    code = digest.sha256(json.pack(sources)), profile = prelude.profile,
    vectors = self.settings.vectors, clocks = true, timeout = agent.manifest.timeout_ms, policy = agent.manifest.policy,
    caps = { instructions = caps.instructions, memory = caps.memory_bytes, wall = caps.wall_ms } }
  return agent.shared
end

--- The code that a new run of this agent would be pinned to; nil when its settings are wrong.
function bundle.code_of(self, agent)
  local common = bundle.shared(self, agent)
  return common and common.code
end

--- From a switch of versions on, a run is pinned to what the switch says.
function bundle.switched(setup, switch)
  for key, value in pairs(switch or {}) do setup[key] = value end
  return setup
end

local month = 30 * 86400000
local latest = {} -- reading a zone takes longer than beginning a run: once a month

--- How far the owner's clock is from UTC, from a year ago until two years from now: for the
--- skills, which have no tz database. Nil where it is UTC itself.
local function offsets_around(name, now)
  local n = now // month
  if latest.name == name and latest.n == n then return latest.list end
  local z, list = name and zone.open(name), json.array {}
  local at, stop = (n - 13) * month, (n + 26) * month
  while z and at < stop do
    local span = z:span(at)
    list[#list + 1] = { from = rfc3339.format(at), min = span.offset // 60000 }
    if span.stop <= at then break end
    at = span.stop
  end
  if #list == 0 or #list == 1 and list[1].min == 0 then list = nil end
  latest = { name = name, n = n, list = list }
  return list
end

--- The bundle of a new run, or nil, err when the agent's settings do not fit.
function bundle.make(self, agent, input, now)
  local common, err = bundle.shared(self, agent)
  if not common then return nil, err end
  local setup = { run = digest.make_id("run", now, self.chance()), input = input,
    seed = self.chance() & 0x7fffffffffffffff, offsets = offsets_around(self.settings.zone, now) }
  for key, value in pairs(common) do setup[key] = value end
  return setup
end

--- What a run ends with, given what its script ended with: an output must fit the schema
--- that the run is pinned to. Returns failed, value.
function bundle.outcome(setup, failed, value)
  local output = setup.output
  if failed or output == nil or output == json.null then return failed, value end
  local ok, problems = schema.compile(output):check(value)
  if ok then return false, value end
  local err = errors.new("K3005", { agent = setup.agent, detail = schema.describe(problems):gsub("\n.*", "") })
  return true, { code = err.code, message = err.message, number = err.number }
end

--- The caps and the seed as a run's start wants them.
function bundle.caps(setup)
  local caps = setup.caps
  return { instructions = caps.instructions, memory = caps.memory, wall = caps.wall, seed = setup.seed,
    check_fuel = setup.profile == prelude.profile }
end

--- Give the run its pinned sources, from memory or from the store.
function bundle.sources(self, setup, handle)
  for name, source in pairs(setup.sources) do
    local text = self.sources[source.hash]
    if not text then
      local row = self:rows("code.get", { hash = source.hash })[1]
      text = row and row.body or error("the source of " .. source.file .. " is gone from the store")
      self.sources[source.hash] = text
    end
    self.compiled[source.hash] = self.compiled[source.hash]
      or string.dump(assert(load(text, "@" .. source.file, "t")))
    assert(handle:source(name, source.file, self.compiled[source.hash], true))
  end
end

return bundle
