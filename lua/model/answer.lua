--- Structured answers: the JSON value in a text, checked against its schema.
local json = require "json"
local schema = require "schema"

local answer = {}

--- The JSON value in what a model wrote: bare, in a ``` fence, or with words around it.
-- Returns true, value or false, message.
function answer.extract(text)
  local fenced = text:match("```%w*%s*\n(.-)\n?%s*```")
  local value, message = json.decode(text)
  if value ~= nil then return true, value end
  for _, candidate in ipairs { fenced or "", text:match("%b{}") or "", text:match("%b[]") or "" } do
    if candidate ~= "" then
      value = json.decode(candidate)
      if value ~= nil then return true, value end
    end
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
  messages[#messages + 1] = { role = "assistant", content = text }
  messages[#messages + 1] = { role = "user", content = "That answer does not fit the JSON Schema:\n" .. problem
    .. "\nAnswer again with one JSON value that fits, and with nothing else." }
  local copy = {}
  for key, value in pairs(asked) do copy[key] = value end
  copy.messages = messages
  return copy
end

return answer
