--- Tool calls as servers tell them, made uniform: { id, name, args }, with `problem` in
-- place of args where what came cannot be used.
local clock = require "core.clock"
local json = require "json"
local wire = require "model.wire"

local calls = {}

--- More in one answer are a broken server, not a plan.
calls.most = 128

local longest_id = 256

function calls.new_id() return ("call_%016x"):format(clock.random()) end

--- The arguments of a call, told as an object or as the text of one; nothing is {}.
-- Returns nil and what is wrong when there is no object to be had.
function calls.args(told)
  if told == nil or told == json.null then return {} end
  if type(told) == "string" then
    if not told:find("%S") then return {} end
    local value, message = wire.decode(told)
    if value == nil then return nil, "its arguments are no JSON: " .. message end
    if value == json.null then return {} end
    told = value
  end
  if type(told) ~= "table" or json.is_list(told) then return nil, "its arguments are no JSON object" end
  return told
end

local function good_id(id)
  return type(id) == "string" and id ~= "" and #id <= longest_id and not id:find("%c")
end

local function read(told, taken)
  local call = { id = told.id, name = told.name }
  -- two results with one id could not be told apart
  if not good_id(call.id) or taken[call.id] then call.id = calls.new_id() end
  taken[call.id] = true
  if type(call.name) ~= "string" or call.name == "" then
    call.name, call.problem = "", "it names no tool"
  else
    call.args, call.problem = calls.args(told.args)
  end
  return call
end

--- Arguments as they are kept until the answer is whole: as text, which is small.
function calls.packed(args)
  if type(args) == "table" then return json.encode(args) end
  return args
end

--- Whether the arguments of all calls together would hold more than one reply may.
local function too_many_values(told)
  local bytes, values = 0, 0
  for _, one in ipairs(told) do bytes = bytes + (type(one.args) == "string" and #one.args or 0) end
  if bytes <= wire.most_values then return false end
  for _, one in ipairs(told) do values = values + (type(one.args) == "string" and wire.values_in(one.args) or 0) end
  return values > wire.most_values
end

--- Give an answer the calls that were told, a list of {id, name, args}; its stop says so.
-- Returns the answer, or nil, message, code, usage as a dialect does.
function calls.give(answer, told)
  if #told == 0 then
    if answer.stop == "tools" then
      if answer.text == "" then return nil, "the reply calls tools and names none", "bad_response", answer.usage end
      answer.stop = "end"
    end
    return answer
  end
  if #told > calls.most then
    return nil, ("the reply has more than %d tool calls"):format(calls.most), "bad_response", answer.usage
  end
  if too_many_values(told) then
    return nil, ("the calls of the reply hold more than %d values"):format(wire.most_values), "too_large", answer.usage
  end
  local taken = {}
  answer.calls = {}
  for i, one in ipairs(told) do answer.calls[i] = read(one, taken) end
  if answer.stop == "end" then answer.stop = "tools" end
  if answer.stop == "length" then
    -- half of its arguments may be an object too
    local last = answer.calls[#told]
    last.args, last.problem = nil, last.problem or "it was cut at max_tokens"
  end
  return answer
end

return calls
