--- Structured answers: the JSON value in a text, checked against its schema.
local schema = require "schema"
local wire = require "model.wire"

local answer = {}

-- How many places of a text are tried for a value, and how deep one may be.
local tries, deepest = 5, 200

--- Where the object or list that begins at `from` ends, or nil. Models repeat themselves
-- for megabytes, so nothing here may read a text more often than `tries`.
local function ending(text, from)
  local depth, at = 0, from
  while true do
    local stop = text:find('[%[%]{}"]', at)
    if not stop then return nil end
    local byte = text:byte(stop)
    at = stop + 1
    if byte == 34 then
      repeat
        stop = text:find('["\\]', at)
        if not stop then return nil end
        local escaped = text:byte(stop) == 92
        at = stop + (escaped and 2 or 1)
      until not escaped
    elseif byte == 91 or byte == 123 then
      depth = depth + 1
      if depth > deepest then return nil end
    else
      depth = depth - 1
      if depth == 0 then return stop end
    end
  end
end

--- What is in the first ``` fence.
local function fenced(text)
  local _, open = text:find("```%w*")
  local from = open and text:find("\n", open, true)
  local to = from and text:find("```", from, true)
  return to and text:sub(from + 1, to - 1)
end

--- The JSON value in what a model wrote: bare, in a ``` fence, or with words around it.
-- Returns true, value or false, message.
function answer.extract(text)
  local value, message, code = wire.decode(text)
  if value ~= nil then return true, value end
  if code == "too_large" then return false, message end
  local inside = fenced(text)
  if inside then
    value = wire.decode(inside)
    if value ~= nil then return true, value end
  end
  local at = text:find "[%[{]"
  for _ = 1, tries do
    if not at then break end
    local stop = ending(text, at)
    if stop then
      value = wire.decode(text:sub(at, stop))
      if value ~= nil then return true, value end
    end
    at = text:find("[%[{]", at + 1)
  end
  return false, "it is not JSON: " .. message
end

--- The value that fits, or nil, what is wrong with it in words for model and person.
function answer.check(validator, text)
  local ok, value = answer.extract(text)
  if not ok then return nil, value end
  local fits, problems = validator:check(value, { errors = 5 })
  if fits then return { value = value } end
  return nil, schema.describe(problems)
end

--- The request that asks for a better answer than `text`.
function answer.repair(asked, text, problem)
  local messages = {}
  for i, message in ipairs(asked.messages) do messages[i] = message end
  -- not every server takes a message without text
  messages[#messages + 1] = { role = "assistant", content = text:find "%S" and text or "(nothing)" }
  messages[#messages + 1] = { role = "user", content = "That answer does not fit the JSON Schema:\n" .. problem
    .. "\nAnswer again with one JSON value that fits, and with nothing else." }
  local copy = {}
  for key, value in pairs(asked) do copy[key] = value end
  copy.messages = messages
  return copy
end

return answer
