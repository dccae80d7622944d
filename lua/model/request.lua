--- What a caller may ask of a model, checked and made uniform.
local duration = require "duration"
local json = require "json"
local schema = require "schema"
local suggest = require "suggest"

local request = {}

request.default_max_tokens = 1024
request.default_timeout_ms = 120000

local roles = { system = true, user = true, assistant = true, developer = true, tool = true }

local efforts = { none = true, minimal = true, low = true, medium = true, high = true, xhigh = true, max = true }

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

-- ---- messages, with calls of tools and their results ---------------------------------

--- The calls of an assistant's message, checked: a list, or nil and what is wrong.
local function read_calls(raw, ids)
  if type(raw) ~= "table" or #raw == 0 then return nil, "its calls are no list of {id, name, args}" end
  local list = {}
  for i, call in ipairs(raw) do
    if type(call) ~= "table" or type(call.id) ~= "string" or call.id == "" or type(call.name) ~= "string" or call.name == "" then
      return nil, ("its call %d is no {id, name, args}"):format(i)
    end
    if ids[call.id] then return nil, ("two calls have the id '%s'"):format(call.id) end
    ids[call.id] = call.name
    local args = json.absent(call.args) and {} or call.args
    if type(args) ~= "table" or json.is_list(args) then return nil, ("the args of its call '%s' are no table of names"):format(call.id) end
    local ok, why = json.encode(args)
    if not ok then return nil, ("the args of its call '%s': %s"):format(call.id, why) end
    list[i] = { id = call.id, name = call.name, args = args }
  end
  return list
end

--- One message, checked against the calls that wait for a result (id -> name).
local function read_message(raw, waiting)
  if type(raw) ~= "table" or not roles[raw.role] then return nil, "it has no role that there is" end
  local message = { role = raw.role, content = raw.content }
  if raw.role == "tool" then
    if type(raw.call) ~= "string" then return nil, "a tool's message needs call, the id that it answers" end
    if not waiting[raw.call] then return nil, ("no call '%s' waits for a result"):format(raw.call) end
    if type(raw.content) ~= "string" then return nil, "its content is no text" end
    message.call, message.name, message.failed = raw.call, waiting[raw.call], raw.failed and true or nil
    waiting[raw.call] = nil
    return message
  end
  local open = next(waiting)
  if open then return nil, ("the call '%s' has no result before it"):format(open) end
  if raw.role == "assistant" and not json.absent(raw.calls) then
    local why
    message.calls, why = read_calls(raw.calls, waiting)
    if not message.calls then return nil, why end
    if json.absent(raw.content) then message.content = "" end
  end
  if type(message.content) ~= "string" then return nil, "its content is no text" end
  return message
end

local function messages(value)
  if type(value) ~= "table" or #value == 0 then return nil, "a list of {role, content}" end
  local list, waiting = {}, {}
  for i, raw in ipairs(value) do
    local message, why = read_message(raw, waiting)
    if not message then return nil, ('a list of {role = "user", content = text}; number %d is not: %s'):format(i, why) end
    list[i] = message
  end
  local open = next(waiting)
  if open then return nil, ("whole: the call '%s' has no result"):format(open) end
  return list
end

-- ---- tools ------------------------------------------------------------------------------

--- A tool's schema of its input as servers want it: that of an object.
local function object_schema(input)
  if json.absent(input) then return { type = "object", properties = {} } end
  if type(input) ~= "table" or input.type ~= nil and input.type ~= "object" then return nil end
  if input.type then return input end
  local copy = { type = "object" }
  for key, part in pairs(input) do copy[key] = part end
  return copy
end

local tool_fields = { name = true, about = true, input = true }

local function read_tool(raw, seen)
  if type(raw) ~= "table" then return nil, "is no {name, about, input}" end
  for key in pairs(raw) do
    if not tool_fields[key] then
      local near = suggest.nearest(tostring(key), tool_fields)
      return nil, ("has a field '%s'%s"):format(tostring(key), near and ("; did you mean '%s'?"):format(near) or "")
    end
  end
  local name = raw.name
  if type(name) ~= "string" or not name:find("^[%w_-]+$") or #name > 64 then
    return nil, "has no name of 1 to 64 letters, digits, _ and -"
  end
  if name == "auto" or name == "none" or name == "required" then return nil, ("cannot be named '%s'"):format(name) end
  if seen[name] then return nil, ("is a second '%s'"):format(name) end
  seen[name] = true
  local tool = { name = name, about = not json.absent(raw.about) and raw.about or nil, input = object_schema(raw.input) }
  if tool.about and type(tool.about) ~= "string" then return nil, "has an about that is no text" end
  if not tool.input then return nil, "has an input that is no schema of an object" end
  if not json.absent(raw.input) then
    local problem
    tool.validator, problem = schema.compile(tool.input, { decoded = true })
    if not tool.validator then return nil, "has a wrong input schema: " .. problem.message end
  end
  return tool
end

local function tools(value)
  if type(value) ~= "table" or #value == 0 then return nil, "a list of {name, about, input}" end
  local list, seen = {}, {}
  for i, raw in ipairs(value) do
    local tool, why = read_tool(raw, seen)
    if not tool then return nil, ("a list of {name, about, input}; number %d %s"):format(i, why) end
    list[i] = tool
  end
  return list
end

--- The fields about tools that only make sense beside others.
local function check_tools(asked)
  local choice = asked.tool_choice
  if not asked.tools then
    if choice or asked.parallel_tools ~= nil then return nil, "tool_choice and parallel_tools of a model request need tools" end
    return true
  end
  if choice == nil or choice == "auto" or choice == "none" or choice == "required" then return true end
  local there = {}
  for _, tool in ipairs(asked.tools) do
    if tool.name == choice then return true end
    there[tool.name] = true
  end
  local near = suggest.nearest(choice, there)
  return nil, ("tool_choice of a model request names no tool of it, nor auto, none or required: '%s'%s"):format(choice,
    near and ("; did you mean '%s'?"):format(near) or "")
end

-- ---- the other fields -------------------------------------------------------------------

local function yes_or_no(value)
  if type(value) == "boolean" then return value end
  return nil, "true or false"
end

local function effort(value)
  if efforts[value] then return value end
  return nil, "none, minimal, low, medium, high, xhigh or max"
end

local function stop(value)
  if type(value) == "string" and value ~= "" then return { value } end
  if type(value) == "table" and #value > 0 then
    for _, one in ipairs(value) do
      if type(one) ~= "string" or one == "" then return nil, "text or a list of texts" end
    end
    return value
  end
  return nil, "text or a list of texts"
end

local function schema_name(value)
  if type(value) == "string" and value:find "^[%w_-]+$" and #value <= 64 then return value end
  return nil, "1 to 64 letters, digits, _ and -"
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
  schema_name = schema_name, max_tokens = whole(1, 10000000), temperature = number(0, 2), top_p = number(0, 1),
  seed = whole(math.mininteger, math.maxinteger), stop = stop, timeout = timeout, repairs = whole(0, 9),
  on_text = callback, tools = tools, tool_choice = text, parallel_tools = yes_or_no, effort = effort,
  service = text, stream = yes_or_no,
}

--- The request as dialects take it: messages always, schema compiled beside. An
-- assistant's message may have `calls`, {id, name, args}, and then a message of the role
-- "tool" ({call = id, content, failed}) follows for each. `tools` is a list of {name,
-- about, input}, tool_choice "auto", "none", "required" or the name of one. Returns nil,
-- message for what makes no sense.
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
  local whole_tools, why = check_tools(asked)
  if not whole_tools then return nil, why end
  if asked.stream and not asked.on_text then asked.on_text, asked.unheard = function() end, true end
  asked.tier = asked.tier or "small"
  asked.timeout = asked.timeout or request.default_timeout_ms
  if asked.schema ~= nil then
    local problem
    asked.validator, problem = schema.compile(asked.schema, { decoded = true })
    if not asked.validator then return nil, "the schema of a model request is wrong: " .. problem.message end
  end
  return asked
end

return request
