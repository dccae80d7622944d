--- Reading what servers send: any field may be missing, null, or of another type.
local json = require "json"

local wire = {}

--- The text, refusals and arguments of one answer hold no more bytes than this.
wire.max_text = 4 << 20

--- A reply holds no more values than this: `{},` of three bytes is a table of two hundred.
wire.most_values = 100000

--- How many values a text of JSON can hold: its brackets and commas outside of texts.
function wire.values_in(text)
  local count, at = 0, 1
  while true do
    local quote = text:find('"', at, true)
    count = count + select(2, text:sub(at, quote and quote - 1):gsub("[,%[{]", ""))
    if not quote or count > wire.most_values then return count end
    at = quote + 1
    repeat
      local stop = text:find('["\\]', at)
      if not stop then return count end
      local escaped = text:byte(stop) == 92
      at = stop + (escaped and 2 or 1)
    until not escaped
  end
end

--- The value of a JSON text that a server sent; nil, message when it is none, and code
-- "too_large" when it is one that only wants our memory.
function wire.decode(text)
  if #text > wire.most_values and select(2, text:gsub("[,%[{]", "")) > wire.most_values
      and wire.values_in(text) > wire.most_values then
    return nil, ("it holds more than %d values"):format(wire.most_values), "too_large"
  end
  return json.decode(text)
end

--- nil for null and absent.
function wire.present(value)
  if value == json.null then return nil end
  return value
end

--- t[a][b]..., or nil as soon as one is not there.
function wire.field(t, key, next_key, ...)
  if type(t) ~= "table" then return nil end
  t = t[key]
  if t == json.null then return nil end
  if next_key == nil then return t end
  return wire.field(t, next_key, ...)
end

--- The value when it is text.
function wire.text(value)
  return type(value) == "string" and value or nil
end

--- A name that is shown to people, when it is one that can be.
function wire.name(value)
  return type(value) == "string" and value ~= "" and #value <= 200 and not value:find("%c") and value or nil
end

--- t[a][b]... as a number: nil when there is none, false for what is no number, so that
-- nothing large is kept in its place.
function wire.number(t, key, next_key)
  if type(t) ~= "table" then return nil end
  local value = t[key]
  if next_key ~= nil then
    if type(value) ~= "table" then return nil end
    value = value[next_key]
  end
  if value == nil or value == json.null then return nil end
  return math.type(value) and value or false
end

--- The value when it is a list or an object, else an empty one.
function wire.list(value)
  return type(value) == "table" and value or {}
end

--- Bytes of a stream that are kept, up to a ceiling: `take(piece)` is true, or nil,
-- message, code once there are too many.
function wire.meter(limit)
  local left = limit or wire.max_text
  return function(piece)
    left = left - #piece
    if left >= 0 then return true end
    return nil, ("the answer is longer than %d bytes"):format(limit or wire.max_text), "too_large"
  end
end

--- A usage that can be true: no prompt is without a token, and nothing that was said
-- is. Servers that do not count like to tell zeros; their calls are estimated.
function wire.usage(usage, said)
  if not usage or usage.input == 0 or said and usage.output == 0 then return nil end
  return usage
end

local by_status = {
  [400] = "invalid_request", [401] = "auth", [402] = "quota", [403] = "auth", [404] = "invalid_request",
  [408] = "timeout", [409] = "server_error", [413] = "context_length", [422] = "invalid_request",
  [429] = "rate_limited", [503] = "overloaded", [504] = "timeout", [529] = "overloaded",
}

--- What a status means where the body says nothing better; 200 is an error told inside.
function wire.code_of(status)
  return by_status[status] or status >= 400 and status < 500 and "invalid_request"
    or (status >= 500 or status == 200) and "server_error" or "bad_response"
end

--- The result of a tool as text, for servers that have no field for failure.
function wire.result(message)
  return message.failed and "It failed: " .. message.content or message.content
end

--- Tokens of a prompt that are in no byte of the request, at most: what providers say to
-- a model about tools and schemas. (What chat templates add, the JSON around the texts
-- outweighs.)
function wire.unseen(asked)
  return (asked.tools and 1024 or 0) + (asked.schema ~= nil and 512 or 0)
end

--- The schema in words, for servers and models that know no other way.
function wire.instruction(schema)
  return "Answer with one JSON value that fits this JSON Schema, and with nothing else:\n" .. assert(json.encode(schema))
end

--- `base` without the slashes at its end, and `path` behind it.
function wire.url(base, path)
  return base:gsub("/+$", "") .. path
end

-- ---- schemas that a server can enforce ---------------------------------------------

local enforced = {}
for name in ([[type properties required additionalProperties items enum const anyOf $ref $defs
    description title minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems
    maxItems]]):gmatch("%S+") do
  enforced[name] = true
end

local strict

local function all_strict(list, depth)
  for _, one in pairs(wire.list(list)) do
    if not strict(one, depth) then return false end
  end
  return true
end

local function closed(schema)
  if schema.additionalProperties ~= false then return false end
  local required = {}
  for _, name in ipairs(wire.list(schema.required)) do required[name] = true end
  for name in pairs(wire.list(schema.properties)) do
    if not required[name] then return false end
  end
  return true
end

function strict(schema, depth)
  if type(schema) ~= "table" or depth > 8 then return false end
  for name in pairs(schema) do
    if not enforced[name] then return false end
  end
  local kind = schema.type
  local is_object = kind == "object" or schema.properties ~= nil
  for _, one in ipairs(wire.list(kind)) do is_object = is_object or one == "object" end
  if is_object and not closed(schema) then return false end
  return all_strict(schema.properties, depth + 1) and all_strict(schema.anyOf, depth + 1)
    and all_strict(schema["$defs"], depth + 1) and (schema.items == nil or strict(schema.items, depth + 1))
end

--- Whether a schema is of the kind that OpenAI's `strict` takes: every object is closed
-- and all its properties are required, and it uses no keyword that is refused there.
function wire.strict(schema)
  return type(schema) == "table" and schema.type == "object" and strict(schema, 0)
end

return wire
