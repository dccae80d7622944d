--- Rules about names: what is not there, what hides another, what is never used.
local calls = require "lint.calls"
local editor = require "reference.editor"
local facts = require "lint.facts"
local suggest = require "suggest"

local names = {}

local kept = {}
for _, name in ipairs(editor.kept) do kept[name] = true end

local libraries = { string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine }

local shared = "what is shared is a skill, in `uses`"

--- What Lua has and a sandbox does not, and what is there instead.
local instead = {
  os = "ctx.now() and ctx.now_text() tell the time; a run has no environment, files or processes",
  io = "ctx.log writes a line; files are read by adapters", require = shared, package = shared, loadfile = shared, dofile = shared,
  load = "a script cannot make code", loadstring = "a script cannot make code", collectgarbage = "memory is bounded by caps.memory",
  debug = "errors carry their line", warn = 'it is ctx.log(text, "warn")', unpack = "it is table.unpack",
  json = "values are tables here; nothing is encoded by hand",
}

-- Globals ------------------------------------------------------------------------------

local function allowed_globals(kind)
  if kind == "config" then return { env = true } end
  local set = setmetatable({}, { __index = kept })
  if kind ~= "skill" then set.agent = true end
  if kind ~= "agent" then set.skill = true end
  return set
end

--- The names that a node could mean: a set.
local function near_names(self, node)
  if self.kind == "config" then return { env = true } end
  local set = { [self.kind or "agent"] = true }
  for name in pairs(kept) do set[name] = true end
  for _, symbol in ipairs(self.tree.symbols) do
    if symbol.at < node.at and facts.inside(node, symbol.fn) then set[symbol.name] = true end
  end
  return set
end

local function globals(self, report)
  local allowed, declared = allowed_globals(self.kind), {}
  for _, one in ipairs(self.tree.globals) do
    if one.node.write then declared[one.node.name] = true end
  end
  for _, one in ipairs(self.tree.globals) do
    local name = one.node.name
    if one.node.write then
      report("K2302", one.node, { name = name })
    elseif name == "print" and (self.kind == "agent" or self.kind == "skill") then
      report("K2310", one.node, {})
    elseif not allowed[name] and not declared[name] then
      local why = self.kind == "config" and "config.lua sees nothing but env(NAME)" or instead[name]
      report("K2301", one.node, { name = name, instead = why,
        suggestion = not why and suggest.nearest(name, near_names(self, one.node)) or nil })
    end
  end
end

-- Members --------------------------------------------------------------------------------

local function member_of_library(node, report)
  local object = facts.without_paren(node.object)
  local library = object.kind == "Name" and not object.symbol and libraries[object.name]
  local key = node.key.kind == "String" and node.key.value
  if not library or not key or node.write then return end
  if library[key] == nil or object.name == "string" and key == "dump" then
    local near = suggest.nearest(key, library)
    report("K2303", node.key, { name = object.name .. "." .. key, suggestion = near and object.name .. "." .. near })
  end
end

local parents = { ctx = true, ["ctx.memory"] = true, ["ctx.records"] = true, ["ctx.skill"] = true }

local function member_of_ctx(node, report)
  local object, key = facts.path(node.object), node.key.kind == "String" and node.key.value
  if not object or not key then return end
  if node.write then
    if parents[object] then report("K2309", node, { name = object .. "." .. key }) end
    return
  end
  local known
  if object == "lib" then known = calls.lib elseif parents[object] and object ~= "ctx.skill" then known = calls.below(object) end
  if known and not known[key] then
    local near = suggest.nearest(key, known)
    report("K2303", node.key, { name = object .. "." .. key, suggestion = near and object .. "." .. near })
  end
end

--- What of ctx is a function, or holds functions.
local function colon_call(node, report)
  local object = facts.path(node.object)
  if not object or not (parents[object] or object == "lib" or object == "lib.skill") then return end
  report("K2304", { line = node.name_line, at = node.colon, stop = node.name_at + #node.name }, { name = object .. "." .. node.name })
end

local function members(self, report)
  facts.walk(self.tree, function(node)
    if node.kind == "Index" then
      member_of_library(node, report)
      member_of_ctx(node, report)
    elseif node.kind == "Method" then
      colon_call(node, report)
    end
  end)
end

-- Variables -----------------------------------------------------------------------------------

local function place_of(symbol) return { line = symbol.line, at = symbol.at, stop = symbol.at + #symbol.name } end

local function unused(self, report)
  for _, symbol in ipairs(self.tree.symbols) do
    local declared = symbol.kind == "local" or symbol.kind == "function"
    if declared and symbol.name:sub(1, 1) ~= "_" and symbol.attrib ~= "close" and not facts.is_read(symbol) then
      report("K2307", place_of(symbol), { name = symbol.name })
    end
  end
end

--- Names that must not come to mean something else: ctx, and the input of the run.
local function shadowing(self, report)
  for _, symbol in ipairs(self.tree.symbols) do
    local hidden = symbol.shadows
    local guarded = hidden and hidden.kind and (hidden.ctx_path or hidden == self.input)
    local same = symbol.ctx_path and hidden and symbol.ctx_path == hidden.ctx_path
      or symbol.value and symbol.value.kind == "Name" and symbol.value.symbol == hidden
    if guarded and not same then report("K2308", place_of(symbol), { name = symbol.name, line = hidden.line }) end
  end
end

function names.check(self, report)
  globals(self, report)
  if self.kind == "config" then return end
  members(self, report)
  unused(self, report)
  shadowing(self, report)
end

return names
