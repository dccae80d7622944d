--- What a route takes: its fields checked, from JSON as they are and from forms as text.
local duration = require "duration"
local errors = require "errors"
local json = require "json"

local fields = {}

local function integer(value)
  if type(value) == "string" and value:find "^%-?%d+$" then value = tonumber(value) end
  return math.tointeger(value)
end

local function truth(value)
  if type(value) == "boolean" then return value end
  if value == "true" or value == "1" or value == "on" then return true end
  return nil
end

--- From a form, JSON comes as its text.
local function any(value, is_text)
  if not is_text then return value end
  local found, message = json.decode(value)
  if message then return nil, message end
  return found
end

local kinds = {
  text = { says = "a text", of = function(v) return type(v) == "string" and v or nil end, schema = { type = "string" } },
  count = { says = "1 to 1000", of = function(v)
    v = integer(v)
    return v and v >= 1 and v <= 1000 and v or nil
  end, schema = { type = "integer", minimum = 1, maximum = 1000 } },
  seq = { says = "a whole number", of = function(v) return integer(v) end, schema = { type = "integer" } },
  truth = { says = "true or false", of = truth, schema = { type = "boolean" } },
  duration = { says = 'a duration like "2h"', of = function(v) return type(v) == "string" and duration.parse(v) or nil end,
    schema = { type = "string", examples = { "2h" } } },
  time = { says = "a time like 2026-03-09T08:00:00Z", of = function(v)
    return type(v) == "string" and require("rfc3339").parse(v) or nil
  end, schema = { type = "string", format = "date-time" } },
  json = { says = "JSON", of = any, schema = {} },
  list = { says = "a list", of = function(v) return type(v) == "table" and v or type(v) == "string" and { v } or nil end,
    schema = { type = "array" } },
}

--- The JSON Schema of a field of a kind ("text", "count!": "!" is required).
function fields.schema(kind) return kinds[kind:match "^%l+"].schema end

local function wrong(name, detail) return errors.new("K1004", { name = name, detail = detail }) end

--- The values of `given` as `known` (name -> kind) says, or nil, err. `is_text`: all came as
--- text, where an empty one is none.
function fields.check(given, known, is_text)
  local out = {}
  for name, value in pairs(given) do
    local kind = known[name] and kinds[known[name]:match "^%l+"]
    if not kind then
      return nil, wrong(tostring(name), "expected " .. (next(known) and table.concat(json.sorted_keys(known), ", ") or "no fields"))
    end
    local raw = kind == kinds.json and not is_text
    if (raw or not json.absent(value)) and not (is_text and value == "") then
      local found, why = kind.of(value, is_text)
      if found == nil then return nil, wrong(name, why or "expected " .. kind.says) end
      out[name] = found
    end
  end
  for name, kind in pairs(known) do
    if kind:find "!$" and out[name] == nil then return nil, errors.new("K1003", { command = "this route", name = name }) end
  end
  return out
end

return fields
