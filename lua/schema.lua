--- JSON Schema, draft 2020-12.
--
--   local validator, problem = schema.compile {
--     type = "object", required = { "from" },
--     properties = { from = { type = "string" } } }
--   validator:check { from = 7 }
--     --> nil, { { path = "/from", keyword = "type",
--     --           message = "expected string, got integer" } }
--
-- A schema is compiled once into closures; all references are resolved then.
-- Schema and value may both be hostile: compiling bounds the number of schemas,
-- a check bounds its steps (each schema applied, each key, each character that
-- a pattern reads) and its depth. A check that runs out of either fails with
-- the keyword "$limit": what cannot be decided is not valid.
--
-- `format` is an annotation unless asked for. What is a null, an array or an
-- empty table is told in schema/values.lua.

local applicators = require "schema.applicators"
local keywords = require "schema.keywords"
local registry = require "schema.registry"
local suggest = require "suggest"
local uri = require "schema.uri"
local values = require "schema.values"

local schema = {}

schema.default_steps = 5000000
schema.default_errors = 20
local max_depth = 400

-- Compiling -------------------------------------------------------------

--- Keywords that say something about a schema and check nothing themselves.
local silent = {}
for name in ([[$schema $id $anchor $dynamicAnchor $vocabulary $comment $defs
    definitions title description default deprecated readOnly writeOnly examples
    contentEncoding contentMediaType contentSchema then else minContains
    maxContains]]):gmatch("%S+") do
  silent[name] = true
end

--- References first, unevaluated* last: they read what the others noted.
local function rank(name)
  if name:sub(1, 1) == "$" then return 0 end
  if name == "type" then return 1 end
  if name == "required" then return 2 end
  return name:match("^unevaluated") and 4 or 3
end

local function by_rank(a, b)
  local rank_a, rank_b = rank(a), rank(b)
  if rank_a ~= rank_b then return rank_a < rank_b end
  return a < b
end

local compiler_methods = {}
compiler_methods.__index = compiler_methods

local constant = { [true] = { always = true }, [false] = { always = false } }

local function known_names()
  local names = {}
  for name in next, silent do names[name] = true end
  for name in next, applicators do names[name] = true end
  for name in next, keywords do
    if not name:match("^want_") then names[name] = true end
  end
  return names
end

local function refuse_unknown(name, at)
  local near = suggest.nearest(name, known_names())
  registry.refuse(registry.extended(at, name), ("'%s' is no JSON Schema keyword%s")
    :format(name, near and (", did you mean '" .. near .. "'?") or ""), name)
end

function compiler_methods:base(schema_table)
  return self.registry.base_of[schema_table]
end

--- The check of one keyword; nil for one that checks nothing.
local function compile_keyword(self, owner, name, at)
  local vocabulary = self.registry.vocabulary_of[self:base(owner)]
  local place = registry.extended(at, name)
  if applicators[name] then
    return applicators[name](owner[name], owner, self, place)
  end
  if keywords[name] and not name:match("^want_") then
    if name == "format" then
      local asked = self.options.formats
      self.assert_formats = asked or (vocabulary and vocabulary.format_assertion)
    elseif vocabulary and not vocabulary.validation then
      return nil
    end
    return keywords[name](owner[name], owner, self, place)
  end
  if self.options.strict and not silent[name] and not name:match("^x%-") then
    refuse_unknown(name, at)
  end
  return nil
end

--- The node of a schema: { always = bool } or { base, checks, collects }.
-- Asked twice for one table it gives the same node, so schemas may be cyclic.
function compiler_methods:node(schema_value, at)
  if type(schema_value) == "boolean" then return constant[schema_value] end
  if type(schema_value) ~= "table" or schema_value[1] ~= nil then
    registry.refuse(at, "expected a schema (an object or a boolean), got "
      .. values.show(schema_value))
  end
  local node = self.nodes[schema_value]
  if node then return node end
  if not self:base(schema_value) then
    registry.refuse(at, "schemas are nested too deep")
  end
  node = { base = self:base(schema_value), checks = {} }
  self.nodes[schema_value] = node
  self.depth = self.depth + 1
  if self.depth > max_depth then
    registry.refuse(at, "schemas are nested too deep")
  end
  local names = values.keys(schema_value)
  table.sort(names, by_rank)
  local place = self.registry.place_of[schema_value] or at
  for _, name in ipairs(names) do
    local check = compile_keyword(self, schema_value, name, place)
    if check then node.checks[#node.checks + 1] = check end
    if rank(name) == 4 then node.collects = true end
  end
  self.depth = self.depth - 1
  return node
end

--- For each name that a $dynamicRef uses: base URI -> node.
local function link_dynamic(self)
  local tables = {}
  repeat
    local count = 0
    for name in next, self.dynamic_names do
      tables[name] = tables[name] or {}
      for base, anchors in next, self.registry.dynamic do
        if anchors[name] and not tables[name][base] then
          tables[name][base] = self:node(anchors[name], {})
          count = count + 1
        end
      end
    end
  until count == 0
  return tables
end

-- Checking --------------------------------------------------------------

local Run = {}
Run.__index = Run

Run.suggest = suggest.nearest

local function pointer(path)
  local out = {}
  for i, key in ipairs(path) do
    out[i] = "/" .. tostring(key):gsub("~", "~0"):gsub("/", "~1")
  end
  return table.concat(out)
end

--- Pay for work; raises when the budget of the check is spent.
function Run:charge(cost)
  self.steps = self.steps - cost
  if self.steps < 0 then
    error({ limit = "the check takes too many steps" }, 0)
  end
end

--- Note a failure at the current path. Formats its message only when somebody
-- will read it. Always returns false.
function Run:fail(keyword, message, ...)
  if self.quiet then
    self.deepest = math.max(self.deepest, #self.path)
    return false
  end
  local errors = self.errors
  errors[#errors + 1] = { path = pointer(self.path), keyword = keyword,
    message = message:format(...) }
  if #errors >= self.max_errors then self.stop, self.quiet = true, true end
  return false
end

--- No alternative holds: tell about the one that came furthest.
function Run:fail_nearest(keyword, nodes, value)
  if self.quiet then return self:fail(keyword, "") end
  local best, best_depth, before = nil, #self.path, self.deepest
  for i = 1, #nodes do
    self.deepest, self.quiet = 0, true
    self:evaluate(nodes[i], value)
    self.quiet = false
    if self.deepest > best_depth then best, best_depth = i, self.deepest end
  end
  self.deepest = before
  local hint = ""
  if best then
    local errors, most = self.errors, self.max_errors
    self.errors, self.max_errors = {}, 1
    self:evaluate(nodes[best], value)
    local first = self.errors[1]
    self.errors, self.max_errors, self.quiet, self.stop = errors, most, false, false
    if first then
      hint = (" (nearest is alternative %d: %s %s)"):format(best, first.path,
        first.message)
    end
  end
  return self:fail(keyword, "matches none of %d alternatives%s", #nodes, hint)
end

function Run:is_object(value)
  if type(value) ~= "table" then return false end
  local kind = values.kind(value)
  return kind == "object" or kind == "empty"
end

function Run:is_array(value)
  if type(value) ~= "table" then return false end
  local kind = values.kind(value)
  return kind == "array" or (kind == "empty" and not self.decoded)
end

--- The sorted keys of an object of the value being checked.
function Run:keys(object)
  local keys = self.keys_of[object]
  if not keys then
    keys = values.keys(object)
    self.keys_of[object] = keys
  end
  self:charge(#keys)
  return keys
end

function Run:canonical(value)
  return values.canonical(value, self.decoded, function(cost)
    self:charge(cost)
  end)
end

function Run:matches(pattern, text)
  local answer, left = pattern:test(text, self.steps)
  if answer == nil then error({ limit = left }, 0) end
  self.steps = left
  return answer
end

--- The node of the outermost resource in scope with this dynamic anchor.
function Run:dynamic_node(name)
  local nodes = self.dynamic[name]
  for i = 1, #self.scope do
    local node = nodes[self.scope[i]]
    if node then return node end
  end
end

local function run_checks(self, node, value, seen)
  if node.collects and not seen then seen = {} end
  local ok, checks = true, node.checks
  for i = 1, #checks do
    if not checks[i](self, value, seen) then
      ok = false
      if self.stop then break end
    end
  end
  return ok
end

--- Judge a value by a node. `seen` collects what was evaluated, or is nil.
function Run:evaluate(node, value, seen)
  self:charge(1)
  if node.always ~= nil then
    return node.always or self:fail("false", "nothing is allowed here")
  end
  self.depth = self.depth + 1
  if self.depth > max_depth then
    error({ limit = "value and schema are nested too deep" }, 0)
  end
  local scope = self.scope
  local entered = scope[#scope] ~= node.base
  if entered then scope[#scope + 1] = node.base end
  local ok = run_checks(self, node, value, seen)
  if entered then scope[#scope] = nil end
  self.depth = self.depth - 1
  return ok
end

--- Judge the part of the value under `key` (a name, or an index from 0).
function Run:descend(node, key, value)
  local path = self.path
  path[#path + 1] = key
  local ok = self:evaluate(node, value)
  path[#path] = nil
  return ok
end

local Validator = {}
Validator.__index = Validator

--- Check a value.
-- @param options  { steps =, errors = } bounds of this check, both optional
-- @return true; or nil and a list of { path, message, keyword }, at most
--   `errors` long, in the order of the schema's keywords. `path` is a JSON
--   pointer into the value ("" is the value itself).
function Validator:check(value, options)
  options = options or {}
  local run = setmetatable({
    decoded = self.decoded, dynamic = self.dynamic, errors = {}, path = {},
    scope = {}, depth = 0, deepest = 0, keys_of = {}, quiet = false, stop = false,
    steps = options.steps or schema.default_steps,
    max_errors = options.errors or schema.default_errors,
  }, Run)
  local ran, ok = pcall(run.evaluate, run, self.node, value)
  if ran then
    if ok then return true end
    return nil, run.errors
  end
  if type(ok) ~= "table" or not ok.limit then error(ok, 0) end
  table.insert(run.errors, 1, { path = pointer(run.path), keyword = "$limit",
    message = ok.limit })
  return nil, run.errors
end

local function compile(schema_value, options)
  local documents = registry.new(options)
  local base = uri.cut_fragment(options.base or "keel:///schema")
  documents:add(base, schema_value)
  local compiler = setmetatable({ registry = documents, options = options,
    nodes = {}, depth = 0, dynamic_names = {}, decoded = options.decoded },
    compiler_methods)
  local node = compiler:node(schema_value, {})
  return setmetatable({ node = node, dynamic = link_dynamic(compiler),
    decoded = options.decoded }, Validator)
end

--- Compile a schema (a table or a boolean).
-- @param options  all optional:
--   resolve  function(uri) -> schema or nil: documents that $ref may lead to
--   base     the schema's own URI
--   formats  true: `format` is checked, not only noted
--   strict   true: a keyword that JSON Schema does not know is an error, for
--            schemas that a person writes (names beginning "x-" are free)
--   decoded  true: values come from a decoder, so an unmarked empty table is
--            an object and never an array
-- @return a validator; or nil, { path, keys, message, keyword } that says where
--   in the schema something is wrong (`keys` is `path` as a list of Lua
--   keys: items count from 1)
function schema.compile(schema_value, options)
  local ran, result = pcall(compile, schema_value, options or {})
  if ran then return result end
  if type(result) ~= "table" or not result.schema_error then error(result, 0) end
  local path = {}
  for i, key in ipairs(result.keys) do
    path[i] = math.type(key) == "integer" and key - 1 or key
  end
  return nil, { path = pointer(path), keys = result.keys,
    message = result.message, keyword = result.keyword }
end

--- Errors of a check as one text for a person, one line each.
function schema.describe(errors)
  local lines = {}
  for i, problem in ipairs(errors) do
    lines[i] = (problem.path == "" and "" or problem.path .. ": ")
      .. problem.message
  end
  return table.concat(lines, "\n")
end

return schema
