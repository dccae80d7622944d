--- Any value as a schema: refused with a place, or a validator that says of any value yes,
-- or no and why.
local choices = require "choices"
local json = require "json"
local schema = require "schema"

local words = {
  "type", "properties", "required", "items", "prefixItems", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "pattern",
  "format", "anyOf", "allOf", "oneOf", "not", "if", "then", "else", "$ref", "$defs", "$dynamicRef", "$dynamicAnchor",
  "additionalProperties", "patternProperties", "propertyNames", "contains", "minContains", "maxContains", "default",
  "multipleOf", "minLength", "maxLength", "minItems", "uniqueItems", "dependentRequired", "dependentSchemas", "minProperties",
  "unevaluatedProperties", "unevaluatedItems", "$id", "$anchor", "$schema", "$comment", "title", "deprecated", "definitions",
  "#/$defs/a", "#", "#a", "#/properties/b", "http://x.test/s", "other.json", "https://json-schema.org/draft/2020-12/schema",
  "string", "object", "integer", "array", "number", "boolean", "null", "a", "b", "", "^a+$", "(", "date-time", "email", "uri",
  "uuid", "ipv4", "regex", "json-pointer", "time", "duration", "~0~1", "a/b", "%25",
}

return function(bytes)
  local c = choices.of(bytes)
  local strict, decoded = c:below(2) == 0, c:below(2) == 0
  local made
  if c:below(4) == 0 then
    made = json.decode(c:rest())
    if made == nil then return end
  else
    made = c:value(words)
  end
  local validator, problem = schema.compile(made, { strict = strict, decoded = decoded })
  if not validator then
    assert(type(problem.message) == "string" and problem.message ~= "" and type(problem.path) == "string")
    return
  end
  for _ = 1, 3 do
    local ok, problems = validator:check(c:value(words))
    if ok ~= true then assert(schema.describe(problems) ~= "", "refused without a word") end
  end
end
