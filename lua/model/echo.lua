--- A model that needs no network and no key: it says back the last thing it was told. For
--- trying a home, its budgets and its pages; its prices are counted as those of any other.
local echo = {}

local function words_of(asked)
  local messages = asked.messages
  return messages[#messages].content
end

--- What is counted as sent (see openai.lua for what a dialect is); nothing is.
function echo.request(asked) return "echo:", {}, { messages = asked.messages, system = asked.system } end

--- Four bytes are counted as a token.
local function tokens(text) return (#text + 3) // 4 end

--- The answer, in place of a server's. Text that is longer than it may be is cut.
function echo.reply(asked, entry)
  local text, most = words_of(asked), (asked.max_tokens or 1024) * 4
  local whole = #text <= most
  if not whole then text = text:sub(1, (utf8.offset(text, 0, most + 1) or most + 1) - 1) end
  local input = tokens(asked.system or "")
  for _, message in ipairs(asked.messages) do input = input + tokens(message.content) end
  if asked.on_text then asked.on_text(text) end
  return { text = text, stop = whole and "end" or "length", model = entry.model, usage = { input = input, output = tokens(text), cached = 0 } }
end

echo.at_hand = true

return echo
