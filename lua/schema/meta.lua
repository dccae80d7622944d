--- The meta-schemas of draft 2020-12 by their URIs, for schemas that refer to
-- them ({ "$ref": "https://json-schema.org/draft/2020-12/schema" } describes
-- "a schema"). Compiling a schema does not go through these: the keywords
-- check their own arguments, and say more.

local root = "https://json-schema.org/draft/2020-12/"

local meta = {}

local any = { ["$dynamicRef"] = "#meta" }
local map = { type = "object", additionalProperties = any }
local list = { type = "array", minItems = 1, items = any }
local count = { type = "integer", minimum = 0 }
local text, flag = { type = "string" }, { type = "boolean" }
local number = { type = "number" }
local names = { type = "array", items = text, uniqueItems = true }
local type_names = { "array", "boolean", "integer", "null", "number", "object",
  "string" }

local function vocabulary(name, properties)
  local address = root .. "meta/" .. name
  meta[address] = {
    ["$schema"] = root .. "schema", ["$id"] = address,
    ["$vocabulary"] = { [root .. "vocab/" .. name] = true },
    ["$dynamicAnchor"] = "meta", type = { "object", "boolean" },
    properties = properties,
  }
end

local reference = { type = "string", format = "uri-reference" }
local anchor = { type = "string", pattern = "^[A-Za-z_][-A-Za-z0-9._]*$" }

vocabulary("core", {
  ["$id"] = { type = "string", format = "uri-reference",
    pattern = "^[^#]*#?$" },
  ["$schema"] = { type = "string", format = "uri" },
  ["$ref"] = reference, ["$dynamicRef"] = reference,
  ["$anchor"] = anchor, ["$dynamicAnchor"] = anchor,
  ["$vocabulary"] = { type = "object", additionalProperties = flag,
    propertyNames = { type = "string", format = "uri" } },
  ["$comment"] = text, ["$defs"] = map,
})

vocabulary("applicator", {
  prefixItems = list, items = any, contains = any, additionalProperties = any,
  properties = map,
  patternProperties = { type = "object", additionalProperties = any,
    propertyNames = { format = "regex" } },
  dependentSchemas = map, propertyNames = any, ["if"] = any, ["then"] = any,
  ["else"] = any, allOf = list, anyOf = list, oneOf = list, ["not"] = any,
})

vocabulary("unevaluated", { unevaluatedItems = any, unevaluatedProperties = any })

vocabulary("validation", {
  type = { anyOf = { { enum = type_names },
    { type = "array", minItems = 1, uniqueItems = true,
      items = { enum = type_names } } } },
  const = true, enum = { type = "array", items = true },
  multipleOf = { type = "number", exclusiveMinimum = 0 },
  maximum = number, exclusiveMaximum = number,
  minimum = number, exclusiveMinimum = number,
  maxLength = count, minLength = count,
  pattern = { type = "string", format = "regex" },
  maxItems = count, minItems = count, uniqueItems = flag,
  maxContains = count, minContains = count,
  maxProperties = count, minProperties = count, required = names,
  dependentRequired = { type = "object", additionalProperties = names },
})

vocabulary("meta-data", { title = text, description = text, default = true,
  deprecated = flag, readOnly = flag, writeOnly = flag,
  examples = { type = "array", items = true } })

vocabulary("format-annotation", { format = text })
vocabulary("format-assertion", { format = text })
vocabulary("content", { contentEncoding = text, contentMediaType = text,
  contentSchema = any })

local parts, used = {}, {}
for _, name in ipairs { "core", "applicator", "unevaluated", "validation",
    "meta-data", "format-annotation", "content" } do
  parts[#parts + 1] = { ["$ref"] = "meta/" .. name }
  used[root .. "vocab/" .. name] = true
end

meta[root .. "schema"] = {
  ["$schema"] = root .. "schema", ["$id"] = root .. "schema",
  ["$vocabulary"] = used, ["$dynamicAnchor"] = "meta",
  allOf = parts, type = { "object", "boolean" },
  properties = { definitions = map,
    dependencies = { type = "object",
      additionalProperties = { anyOf = { any, names } } } },
}

return meta
