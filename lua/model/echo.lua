--- A model that needs no network and no key: it says back the last thing it was told. For
--- trying a home, its budgets and its pages; its prices are counted as those of any other.
--- When a tool must be called it calls it, with what it was told when that is an object.
local calls = require "model.calls"
local json = require "json"

local echo = {}

local function words_of(asked)
  local messages = asked.messages
  return messages[#messages].content
end

local function tools_of(asked)
  local list = {}
  for i, tool in ipairs(asked.tools or {}) do list[i] = { name = tool.name, about = tool.about, input = tool.input } end
  return #list > 0 and list or nil
end

--- What is counted as sent (see openai.lua for what a dialect is); nothing is.
function echo.request(asked)
  return "echo:", {}, { messages = asked.messages, system = asked.system, tools = tools_of(asked) }
end

--- Four bytes are counted as a token.
local function tokens(text) return (#text + 3) // 4 end

--- The call that the request insists on, once: what follows a result is said.
local function call_of(asked, text)
  local choice = asked.tool_choice
  if not asked.tools or not choice or choice == "auto" or choice == "none" then return nil end
  if asked.messages[#asked.messages].role == "tool" then return nil end
  local args = json.decode(text)
  if type(args) ~= "table" or json.is_list(args) then args = {} end
  return { id = calls.new_id(), name = choice == "required" and asked.tools[1].name or choice, args = args }
end

--- The answer, in place of a server's. Text that is longer than it may be is cut.
function echo.reply(asked, entry)
  local text, most = words_of(asked), (asked.max_tokens or 1024) * 4
  local whole = #text <= most
  if not whole then text = text:sub(1, (utf8.offset(text, 0, most + 1) or most + 1) - 1) end
  local input = tokens(asked.system or "")
  for _, message in ipairs(asked.messages) do input = input + tokens(message.content) end
  local call = call_of(asked, text)
  if call then
    return { text = "", stop = "tools", calls = { call }, model = entry.model,
      usage = { input = input, output = tokens(text), cached = 0 } }
  end
  if asked.on_text then asked.on_text(text) end
  return { text = text, stop = whole and "end" or "length", model = entry.model, usage = { input = input, output = tokens(text), cached = 0 } }
end

echo.at_hand = true

return echo
