--- The home that a case is played in: the sources of a real one, the settings, records and
--- memories of the case, and an outbox in place of every adapter.
local errors = require "errors"
local file = require "file"
local json = require "json"
local rfc3339 = require "rfc3339"
local vec = require "core.vec"
local where = require "where"

local home = {}

-- Settings ----------------------------------------------------------------------------------

--- Limits of an agent's budget as a case has them.
local function limits_of(told)
  local out = {}
  for name, value in pairs(told) do
    local window = name:match "^(%a+)_nano_usd$"
    if window then out[window .. "_picousd"] = value * 1000 end
  end
  if told.calls then out.calls = { count = told.calls } end
  return out
end

local timing = { "cron", "every", "at" }

--- Nothing but the case starts the runs of this home: agents of other workflows do not hear
--- its events, and no schedule fires, unless the case has no event at all.
local function quieten(agent, is_workflow, types, throttle)
  local list = json.array {}
  for _, on in ipairs(agent.manifest.on) do
    local timed = false
    for _, name in ipairs(timing) do timed = timed or on[name] ~= nil end
    local heard = false
    for kind in pairs(types) do heard = heard or where.names(on.event, kind) end
    if is_workflow and on.event and throttle then on.throttle = { count = throttle, per_ms = 60000 } end
    if is_workflow or not timed and not heard then list[#list + 1] = on end
  end
  agent.manifest.on = list
end

--- Who the business of a case belongs to: its owner, else what it is called.
local function owner_of(part)
  local business = part.case.business
  local name = part.owner or type(business) == "table" and business.name or business
  return type(name) == "string" and name or nil
end

--- Sign as who owns the business of the case, where it does not say otherwise.
local function sign(part, agent)
  local takes = (agent.manifest.config or {}).properties or {}
  if takes.sign_as and part.own and part.own.sign_as == nil then part.own.sign_as = owner_of(part) end
end

--- What a case changes of the agents of its home.
function home.library(part, types)
  local budgets = part.config and part.config.budget or {}
  return function(library)
    for name, agent in pairs(library.agents) do
      local own = budgets[name]
      if name == part.agent then sign(part, agent) end
      quieten(agent, name == part.agent, types, own and own.throttle_per_min)
      if name == part.agent then
        local loops = agent.manifest.budget.loops
        agent.manifest.budget = own and limits_of(own) or {}
        agent.manifest.budget.loops = loops
      end
    end
  end
end

--- The settings of config.lua as the case would have them.
function home.settings(part, models, faults, real_home)
  local scripted = { use = "scripted", faults = function(...) return faults:of_effect(...) end }
  return function(settings)
    local own = {}
    for key, value in pairs(part.config or {}) do
      if key ~= "budget" then own[key] = value end
    end
    for name in pairs(settings.adapters) do settings.adapters[name] = scripted end
    for _, name in ipairs { "mail", "docs", "billing", "payments", "newsletter", "calendar", "shop" } do
      settings.adapters[name] = scripted
    end
    for name in pairs(part.adapters or {}) do settings.adapters[name] = scripted end
    settings.inbox, settings.policy, settings.budget = {}, {}, {}
    settings.approvals = { undo_ms = 0 }
    settings.embed, settings.zone, settings.home = { provider = "builtin" }, part.tz or settings.zone, real_home
    local prices = type(own.prices) == "table" and (own.prices.small or own.prices.large) and own.prices or nil
    if prices then own.prices = nil end
    settings.tiers, settings.vectors = models:tiers(part.prices or prices), part.texts
    settings.agents[part.agent], part.own = own, own
    settings.owner = owner_of(part) or settings.owner
  end
end

-- Vectors -------------------------------------------------------------------------------------

--- The vectors of a case by text: a key may be a text, or name a memory or a record.
function home.texts(value)
  if not value.vectors then return nil end
  local out = {}
  for key, vector in pairs(value.vectors) do out[key] = vector end
  for _, item in ipairs(value.memory or {}) do
    if item.key and value.vectors[item.key] then out[item.text or item.key] = value.vectors[item.key] end
  end
  for _, list in pairs(value.records or {}) do
    for _, one in ipairs(type(list) == "table" and list or {}) do
      local vector = type(one) == "table" and one.id and value.vectors[tostring(one.id)]
      if vector then
        for _, field in ipairs { "title", "text", "name" } do
          if type(one[field]) == "string" then out[one[field]] = vector end
        end
      end
    end
  end
  return out
end

--- An embedder that gives those vectors; what they do not have is like nothing.
function home.embedder(texts)
  local dim = 1
  for _, vector in pairs(texts) do dim = math.max(dim, #vector) end
  return { model = "the case", batch = function(list)
    local out = {}
    for i, text in ipairs(list) do
      local v = texts[text]
      v = v and table.move(v, 1, #v, 1, {})
      while v and #v < dim do v[#v + 1] = 0 end
      out[i] = v and assert(vec.quantise(v)) or string.rep("\0", dim)
    end
    return out
  end }
end

-- What is there before --------------------------------------------------------------------------

--- Records of a type are a list of objects, each under its id; a plain value is under the
--- name of its type. What is there already (a case before it on the same store) stays.
function home.fill_records(e, records, now)
  local tx, any = e.store:tx(), false
  local function put(kind, key, one)
    if e:rows("record.get", { type = kind, key = tostring(key) })[1] then return end
    any = true
    tx:add("record.put", { type = kind, key = tostring(key), value_json = one, now = now })
  end
  for _, kind in ipairs(json.sorted_keys(records or {})) do
    local list = records[kind]
    if type(list) ~= "table" or not json.is_list(list) and next(list) ~= nil then
      put(kind, kind, list)
    else
      for i, one in ipairs(list) do put(kind, type(one) == "table" and (one.id or one.key) or i, one) end
    end
  end
  if not any then return true end
  local ok, message, code = e:commit(tx)
  if ok then return true end
  return nil, errors.from(message, code)
end

function home.fill_memory(e, items, now)
  local list = {}
  for i, one in ipairs(items or {}) do
    list[i] = { layer = one.layer, kind = one.kind, key = one.key, text = one.text, value = one.value, importance = one.importance,
      tags = one.tags, trust = one.trust, time = one.created, ttl = one.ttl_s and one.ttl_s * 1000 or nil,
      now = one.created and rfc3339.parse(one.created) or now }
  end
  if #list == 0 then return true end
  local ok, message, code = e:memory():remember_all(list)
  if ok then return true end
  return nil, errors.from(message, code)
end

-- The folder -----------------------------------------------------------------------------------

--- Take away the folder that a case was played in.
function home.remove(path)
  for _, name in ipairs(file.list(file.join(path, "var")) or {}) do os.remove(file.join(path, "var", name)) end
  os.remove(file.join(path, "var"))
  for _, name in ipairs { "config.lua", "agents", "skills" } do os.remove(file.join(path, name)) end
  os.remove(path)
end

return home
