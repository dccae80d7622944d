--- Rules about what the manifest says and what the script does.
local facts = require "lint.facts"
local glob = require "glob"
local suggest = require "suggest"

local contract = {}

-- Skills ---------------------------------------------------------------------------------

--- What is named below ctx.skill or lib.skill: name -> the first node; and whether some name
--- is computed.
local function named_skills(self, root)
  local found, list, computed = {}, {}, false
  facts.walk(self.tree, function(node)
    local path = node.kind == "Index" and not node.write and facts.path(node.object) == root and facts.path(node)
    local name = path and path:sub(#root + 2)
    if name == "?" then computed = true end
    if name and name ~= "?" then list[#list + 1] = { name = name, node = node } end
    if name and not found[name] then found[name] = node end
    -- ctx.skill itself, handed to somebody
    if (node.kind == "Name" or node.kind == "Index") and facts.path(node) == root then
      local parent = node.parent
      local looked_into = parent.kind == "Index" and parent.object == node
      local aliased = parent.kind == "Local"
      if not looked_into and not aliased then computed = true end
    end
  end)
  return found, list, computed
end

--- What the skills of a list need, in their turn: it is no mistake to name it, too.
local function needed_by(self, texts)
  local set, queue = {}, {}
  for i, one in ipairs(texts) do queue[i] = one.value end
  while #queue > 0 do
    local skill = self.world.skills[table.remove(queue)]
    for _, other in ipairs(type(skill) == "table" and skill.manifest.needs.skills or {}) do
      if not set[other] then
        set[other] = true
        queue[#queue + 1] = other
      end
    end
  end
  return set
end

local function declared(self, report)
  local skill = self.kind == "skill"
  local root, list_name = skill and "lib.skill" or "ctx.skill", skill and "needs.skills" or "uses"
  local list = facts.field(self.manifest, skill and "needs" or "uses")
  if skill then list = facts.field(facts.table_of(list), "skills") end
  if list and not facts.table_of(list) then return end -- computed
  local texts, set = facts.texts(list), {}
  for _, one in ipairs(texts) do set[one.value] = true end
  local found, uses, computed = named_skills(self, root)
  for _, one in ipairs(uses) do
    if not set[one.name] then
      local candidates = next(set) and suggest.nearest(one.name, set) or suggest.nearest(one.name, self.world.skills)
      report("K2351", one.node, { name = one.name, list = list_name, kind = self.kind, suggestion = candidates })
    end
  end
  local needed = needed_by(self, texts)
  for _, one in ipairs(computed and {} or texts) do
    if not found[one.value] and not needed[one.value] then report("K2352", one.node, { name = one.value, list = list_name }) end
  end
end

--- What a skill's input schema refuses, as far as it is written in the call.
local function skill_input(report, path, node, schema)
  local made = facts.table_of(node.args[1])
  local properties = type(schema) == "table" and schema.properties
  if not made or type(properties) ~= "table" or schema.patternProperties then return end
  local computed = facts.without_paren(node.args[1]) ~= made
  for _, item in ipairs(made.items) do
    local key = item.key and facts.static(item.key)
    if type(key) ~= "string" then
      computed = true
    elseif properties[key] == nil and schema.additionalProperties == false then
      report("K2306", item.key, { name = path, field = key, suggestion = suggest.nearest(key, properties), level = "error" })
    end
  end
  for _, name in ipairs(computed and {} or schema.required or {}) do
    if not facts.field(made, name) then report("K2305", node, { name = path, detail = "needs " .. name }) end
  end
end

local function skill_calls(self, report)
  for _, call in ipairs(self.calls) do
    local name = call.path:match "^ctx%.skill%.([%w_]+)$" or call.path:match "^lib%.skill%.([%w_]+)$"
    local known = name and self.world.skills[name]
    if type(known) == "table" then
      skill_input(report, call.path, call.node, known.manifest.input)
    elseif name and self.world.adapters[name] then
      local made = facts.table_of(call.node.args[1])
      local literal = made and facts.without_paren(call.node.args[1]) == made
      if literal and not facts.field(made, "op") then
        report("K2305", call.node, { name = call.path, detail = "needs op: what the adapter is to do" })
      end
    end
  end
end

-- Memory -----------------------------------------------------------------------------------

local actions = { ["ctx.memory.remember"] = "write", ["ctx.memory.forget"] = "write", ["ctx.memory.get"] = "read",
  ["ctx.memory.history"] = "read", ["ctx.memory.search"] = "read" }

--- Can a name that begins so fit a pattern?
local function may_fit(pattern, beginning, whole)
  if whole then return glob.match(pattern, beginning) end
  local fixed = pattern:match "^[^*]*"
  local n = math.min(#fixed, #beginning)
  return fixed:sub(1, n) == beginning:sub(1, n) and (#fixed >= #beginning or pattern:find("*", 1, true) ~= nil)
end

--- "client/", false for { kind = "client", key = id }: what is known of the name that a call
--- touches; nil when nothing is.
local function touched(path, made)
  local kind, key = facts.field(made, "kind"), facts.field(made, "key")
  local kind_text, known = "note", true
  if kind then kind_text, known = facts.static(kind) end
  if not known or type(kind_text) ~= "string" then return nil end
  if path == "ctx.memory.search" then
    if not kind then return nil end
    return kind_text .. "/", false
  end
  if not kind and not key then return nil end
  local beginning, whole = "", not key and not facts.field(made, "id")
  if key then beginning, whole = facts.beginning(key) end
  return kind_text .. "/" .. beginning, whole
end

local function memory(self, report)
  local declared_memory = facts.table_of(facts.field(self.manifest, "memory"))
  if not declared_memory then return end
  for _, call in ipairs(self.calls) do
    local action = actions[call.path]
    local list = action and facts.field(declared_memory, action)
    local patterns = facts.texts(list)
    local made = facts.table_of(call.node.args[1])
    if list and made and #patterns > 0 then
      local name, whole = touched(call.path, made)
      local fits = name == nil
      for _, one in ipairs(patterns) do fits = fits or may_fit(one.value, name, whole) end
      if not fits then
        report("K2353", call.node, { action = action, name = whole and name or name .. "...",
          level = call.path == "ctx.memory.search" and "warning" or nil })
      end
    end
  end
end

-- Schemas of settings and input ---------------------------------------------------------------

--- The names that a schema, written in the manifest, declares: a set, and whether it refuses
--- all others. nil when that cannot be read.
local function properties_of(schema)
  local made = facts.table_of(schema)
  local listed = made and facts.table_of(facts.field(made, "properties"))
  if not listed then return nil end
  for _, other in ipairs { "patternProperties", "allOf", "anyOf", "oneOf", "$ref", "if" } do
    if facts.field(made, other) then return nil end
  end
  local set = {}
  for _, item in ipairs(listed.items) do
    local key = item.key and facts.static(item.key)
    if type(key) ~= "string" then return nil end
    set[key] = true
  end
  return set, (facts.static(facts.field(made, "additionalProperties"))) == false
end

local function fields_read(self, is_object, set, closed, number, report)
  facts.walk(self.tree, function(node)
    local key = node.kind == "Index" and node.dot and node.key.value
    if not key or node.write or set[key] or not is_object(node.object) then return end
    local near = suggest.nearest(key, set)
    if closed or near then report(number, node.key, { name = key, suggestion = near }) end
  end)
end

local function settings(self, report)
  local schema = facts.field(self.manifest, "config")
  local set, closed = {}, true
  if schema then set, closed = properties_of(schema) end
  if not set then return end
  fields_read(self, function(object) return facts.path(object) == "ctx.config" end, set, closed, "K2354", report)
end

local function input(self, report)
  local symbol = self.kind == "skill" and self.entry and self.entry.params[1] or self.input
  local set, closed = properties_of(facts.field(self.manifest, "input"))
  if not set or not symbol or facts.writes(symbol) > 0 then return end
  fields_read(self, function(object)
    object = facts.without_paren(object)
    return object.kind == "Name" and object.symbol == symbol
  end, set, closed, "K2355", report)
end

--- {field} of a skill's prompt that its input has not.
local function prompt(self, report)
  local model = facts.table_of(facts.field(self.manifest, "model"))
  local value = model and facts.field(model, "prompt")
  local text = value and facts.static(value)
  local set = properties_of(facts.field(self.manifest, "input"))
  if type(text) ~= "string" or not set then return end
  for name in text:gmatch "{([%w_]+)}" do
    if not set[name] then report("K2355", value, { name = name, suggestion = suggest.nearest(name, set) }) end
  end
end

-- Other agents -----------------------------------------------------------------------------------

local function called_agents(self, report)
  if not self.world.agents then return end
  for _, call in ipairs(self.calls) do
    local name = call.path == "ctx.call" and facts.static(call.node.args[1])
    if type(name) == "string" and not self.world.agents[name] then
      report("K2356", call.node.args[1], { name = name, suggestion = suggest.nearest(name, self.world.agents) })
    end
  end
end

function contract.check(self, report)
  if not self.manifest or self.kind ~= "agent" and self.kind ~= "skill" then return end
  declared(self, report)
  skill_calls(self, report)
  input(self, report)
  if self.kind == "skill" then return prompt(self, report) end
  memory(self, report)
  settings(self, report)
  called_agents(self, report)
end

return contract
