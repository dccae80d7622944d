--- What a caller may ask of a model, checked and made uniform.
local duration = require "duration"
local json = require "json"
local schema = require "schema"
local suggest = require "suggest"

local request = {}

request.default_max_tokens = 1024
request.default_timeout_ms = 120000

local roles = { system = true, user = true, assistant = true, developer = true }

local function number(low, high)
  return function(value)
    if type(value) == "number" and value >= low and value <= high then return value end
    return nil, ("a number from %g to %g"):format(low, high)
  end
end

local function whole(low, high)
  return function(value)
    value = math.type(value) and math.tointeger(value)
    if value and value >= low and value <= high then return value end
    return nil, ("a whole number from %d to %d"):format(low, high)
  end
end

local function text(value)
  if type(value) == "string" then return value end
  return nil, "text"
end

local function messages(value)
  if type(value) ~= "table" or #value == 0 then return nil, "a list of {role, content}" end
  for i, message in ipairs(value) do
    if type(message) ~= "table" or not roles[message.role] or type(message.content) ~= "string" then
      return nil, ('a list of {role = "user", content = text}; number %d is not'):format(i)
    end
  end
  return value
end

local function stop(value)
  if type(value) == "string" then return { value } end
  if type(value) == "table" and #value > 0 then return value end
  return nil, "text or a list of texts"
end

local function json_schema(value)
  if type(value) == "table" or type(value) == "boolean" then return value end
  return nil, "a JSON Schema"
end

local function timeout(value)
  if math.type(value) == "integer" and value > 0 then return value end
  local ms = duration.parse(value)
  if ms and ms > 0 then return ms end
  return nil, 'a duration like "30s"'
end

local function callback(value)
  if type(value) == "function" then return value end
  return nil, "a function"
end

local fields = {
  tier = text, prompt = text, messages = messages, system = text, schema = json_schema,
  schema_name = text, max_tokens = whole(1, 10000000), temperature = number(0, 2), top_p = number(0, 1),
  seed = whole(math.mininteger, math.maxinteger), stop = stop, timeout = timeout, repairs = whole(0, 2),
  on_text = callback,
}

--- The request as dialects take it: messages always, schema compiled beside. Returns
-- nil, message for what makes no sense.
function request.read(raw)
  if type(raw) ~= "table" then return nil, "a model request is one table" end
  local asked = {}
  for key, value in pairs(raw) do
    local check = fields[key]
    if not check then
      local near = suggest.nearest(tostring(key), fields)
      return nil, ("a model request has no field '%s'%s"):format(tostring(key), near and ("; did you mean '%s'?"):format(near) or "")
    end
    if not json.absent(value) then
      local good, expected = check(value)
      if good == nil then return nil, ("%s of a model request must be %s"):format(key, expected) end
      asked[key] = good
    end
  end
  if (asked.prompt == nil) == (asked.messages == nil) then
    return nil, "a model request needs a prompt, or messages, and not both"
  end
  asked.messages = asked.messages or { { role = "user", content = asked.prompt } }
  asked.prompt = nil
  asked.tier = asked.tier or "small"
  asked.timeout = asked.timeout or request.default_timeout_ms
  if asked.schema ~= nil then
    local problem
    asked.validator, problem = schema.compile(asked.schema, { decoded = true })
    if not asked.validator then return nil, "the schema of a model request is wrong: " .. problem.message end
    if asked.on_text then return nil, "a structured answer cannot be streamed" end
  end
  return asked
end

return request
