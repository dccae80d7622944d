--- Where schemas are: every $id, $anchor and $dynamicAnchor of the documents
-- that a validator was compiled from, and what a reference leads to.
--
-- A *resource* is a schema with an URI of its own (the root, or one with $id).
-- Everything is keyed by the schema table itself: its base URI decides what a
-- relative reference inside it means.

local meta = require "schema.meta"
local uri = require "schema.uri"
local values = require "schema.values"

local registry = {}
registry.__index = registry

local max_depth = 100
local max_schemas = 50000
local max_documents = 100

--- The keywords that hold schemas: one, a list, or a map by name.
local holders = {
  ["$defs"] = "map", definitions = "map", properties = "map",
  patternProperties = "map", dependentSchemas = "map", dependencies = "map",
  allOf = "list", anyOf = "list", oneOf = "list", prefixItems = "list",
  additionalProperties = "one", propertyNames = "one", items = "one",
  contains = "one", ["not"] = "one", ["if"] = "one", ["then"] = "one",
  ["else"] = "one", unevaluatedItems = "one", unevaluatedProperties = "one",
  contentSchema = "one",
}

--- Refuse the schema: a compile error with the place in the schema.
-- @param at  list of keys from the root of the document
function registry.refuse(at, message, keyword)
  error({ schema_error = true, keys = at, message = message,
    keyword = keyword }, 0)
end

--- @param options { resolve = function(uri) -> schema | nil, message }
function registry.new(options)
  return setmetatable({ resources = {}, anchors = {}, dynamic = {},
    base_of = {}, place_of = {}, vocabulary_of = {}, schemas = 0,
    documents = 0, fetch = options.resolve }, registry)
end

local function extended(at, ...)
  local longer = table.move(at, 1, #at, 1, {})
  for _, key in ipairs { ... } do longer[#longer + 1] = key end
  return longer
end
registry.extended = extended

local index

local function index_below(self, schema, base, at, depth)
  for _, key in ipairs(values.keys(schema)) do
    local how, held = holders[key], schema[key]
    if how and type(held) == "table" then
      if how == "one" then
        index(self, held, base, extended(at, key), depth + 1)
      else
        for name, child in next, held do
          index(self, child, base, extended(at, key, name), depth + 1)
        end
      end
    end
  end
end

local function note_anchors(self, schema, base, at)
  for _, keyword in ipairs { "$anchor", "$dynamicAnchor" } do
    local name = schema[keyword]
    if name ~= nil then
      if type(name) ~= "string" or not name:match("^[%a_][%w._-]*$") then
        registry.refuse(extended(at, keyword),
          "expected a name of letters, digits, '-', '_' and '.'", keyword)
      end
      self.anchors[base .. "#" .. name] = schema
      if keyword == "$dynamicAnchor" then
        self.dynamic[base] = self.dynamic[base] or {}
        self.dynamic[base][name] = schema
      end
    end
  end
end

--- Note a schema and all schemas inside it.
function index(self, schema, base, at, depth)
  if type(schema) ~= "table" or self.base_of[schema] then return end
  self.schemas = self.schemas + 1
  if depth > max_depth then registry.refuse(at, "schemas are nested too deep") end
  if self.schemas > max_schemas then registry.refuse(at, "too many schemas") end
  local id = schema["$id"]
  if id ~= nil then
    if type(id) ~= "string" then
      registry.refuse(extended(at, "$id"), "expected a string", "$id")
    end
    base = uri.cut_fragment(uri.resolve(base, id))
    self.resources[base] = self.resources[base] or schema
  end
  self.base_of[schema] = base
  self.place_of[schema] = at
  note_anchors(self, schema, base, at)
  index_below(self, schema, base, at, depth)
end

--- The vocabularies that a document's $schema switches on:
-- { validation = bool, format_assertion = bool }.
local function vocabulary(self, schema)
  local standard = { validation = true, format_assertion = false }
  local name = type(schema) == "table" and schema["$schema"]
  if type(name) ~= "string" or name:find("json-schema.org", 1, true)
      or not self.fetch then
    return standard
  end
  local metaschema = self.resources[name] or self.fetch(name)
  local used = type(metaschema) == "table" and metaschema["$vocabulary"]
  if type(used) ~= "table" then return standard end
  local prefix = "https://json-schema.org/draft/2020-12/vocab/"
  return {
    validation = used[prefix .. "validation"] ~= nil,
    format_assertion = used[prefix .. "format-assertion"] ~= nil,
  }
end

--- Take in a document found under an absolute URI.
function registry:add(address, schema)
  self.documents = self.documents + 1
  if self.documents > max_documents then
    registry.refuse({}, "too many referenced documents")
  end
  self.resources[address] = schema
  index(self, schema, address, {}, 1)
  if type(schema) == "table" then
    self.vocabulary_of[self.base_of[schema]] = vocabulary(self, schema)
  end
end

--- The document of an absolute URI without fragment; nil when nobody has it.
local function document(self, address)
  local schema = self.resources[address]
  if schema ~= nil then return schema end
  schema = meta[address]
  if schema == nil and self.fetch then schema = self.fetch(address) end
  if schema == nil then return nil end
  self:add(address, schema)
  return schema
end

--- Follow a JSON pointer; the base changes where a schema has its own $id.
local function walk(self, schema, base, pointer)
  local at = {}
  for token in uri.unescape(pointer):gmatch("/([^/]*)") do
    token = token:gsub("~1", "/"):gsub("~0", "~")
    if type(schema) ~= "table" then return nil end
    base = self.base_of[schema] or base
    local number = token:match("^%d+$") and math.tointeger(tonumber(token))
    local child = schema[token]
    if child == nil and number then child = schema[number + 1] end
    schema, at = child, extended(at, token)
  end
  if type(schema) == "table" then index(self, schema, base, at, 1) end
  return schema
end

--- The schema that `reference` leads to from `base`.
-- @return the schema (table or boolean), and the dynamic anchor's name when
--   the reference named one; nil when there is no such schema
function registry:find(base, reference)
  local absolute = uri.resolve(base, reference)
  local address, fragment = uri.cut_fragment(absolute)
  local schema = document(self, address)
  if schema == nil then return nil end
  if fragment == "" then return schema end
  local inner = type(schema) == "table" and self.base_of[schema] or address
  if fragment:sub(1, 1) == "/" then return walk(self, schema, inner, fragment) end
  fragment = uri.unescape(fragment)
  local found = self.anchors[inner .. "#" .. fragment]
  local named = self.dynamic[inner] and self.dynamic[inner][fragment]
  return found, named and fragment or nil
end

return registry
