--- Tools that a model may call: whether the calls of an answer make sense, and what to
-- say to the model when they do not. Nothing is run here.
local schema = require "schema"

local tools = {}

local function find(asked, name)
  for _, tool in ipairs(asked.tools or {}) do
    if tool.name == name then return tool end
  end
end

local function names(asked)
  local list = {}
  for i, tool in ipairs(asked.tools or {}) do list[i] = tool.name end
  return #list > 0 and "the tools are " .. table.concat(list, ", ") or "there are no tools"
end

--- What is wrong with one call, or nil.
local function problem_of(asked, call)
  local tool = find(asked, call.name)
  if call.problem and (tool or call.name == "") then return call.problem end
  if not tool then return ("there is no tool '%s': %s"):format(call.name, names(asked)) end
  if asked.tool_choice == "none" then return "no tool may be called now" end
  local choice = asked.tool_choice
  if choice and find(asked, choice) and choice ~= call.name then return ("only the tool '%s' may be called now"):format(choice) end
  if not tool.validator then return nil end
  local fits, problems = tool.validator:check(call.args, { errors = 5 })
  return not fits and "its arguments do not fit its schema:\n" .. schema.describe(problems) or nil
end

local function must_call(asked)
  local choice = asked.tool_choice
  if choice == nil or choice == "auto" or choice == "none" then return nil end
  return choice == "required" and "a tool must be called" or ("the tool '%s' must be called"):format(choice)
end

--- Whether every call of an answer names a tool of the request and brings arguments that
-- fit it, and whether a call came where one must. Returns true, or nil and the problem.
function tools.check(asked, answer)
  if not answer.calls then
    local missing = must_call(asked)
    if missing then return nil, missing end
    return true
  end
  for _, call in ipairs(answer.calls) do
    local problem = problem_of(asked, call)
    if problem then
      return nil, call.name == "" and problem or ("the call of '%s' cannot be used: %s"):format(call.name, problem)
    end
  end
  return true
end

--- A name that servers take: models invent others.
local function plain(name)
  name = name:gsub("[^%w_-]", "_"):sub(1, 64)
  return name ~= "" and name or "unnamed"
end

--- The request that asks for better calls than those of `answer`, which are answered one
-- by one as having failed.
function tools.repair(asked, answer)
  local messages = table.move(asked.messages, 1, #asked.messages, 1, {})
  local said = answer.text or ""
  if not answer.calls then
    messages[#messages + 1] = { role = "assistant", content = said ~= "" and said or "(nothing)" }
    messages[#messages + 1] = { role = "user", content = "That does not do: " .. must_call(asked) .. "." }
  else
    local sent = {}
    messages[#messages + 1] = { role = "assistant", content = said, calls = sent }
    for i, call in ipairs(answer.calls) do
      -- not all servers read a call of theirs that is no JSON
      sent[i] = { id = call.id, name = plain(call.name), args = call.args or {} }
      local problem = problem_of(asked, call)
      messages[#messages + 1] = { role = "tool", call = call.id, name = sent[i].name, failed = true,
        content = problem or "it was not run, because another call of this answer was wrong; call it again" }
    end
  end
  local copy = {}
  for key, value in pairs(asked) do copy[key] = value end
  copy.messages = messages
  return copy
end

return tools
