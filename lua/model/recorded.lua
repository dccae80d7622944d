--- A model that gives recorded answers: for specs, and to try agents without a network.
--
-- A cassette is a file of JSON lines, {"key","asked","answer"}: `key` is the hash of what was
-- asked (messages, system, schema, tools), `asked` its last words, for people. A candidate
-- with `record = "FILE"` adds its answers to one; a candidate with provider = "recorded" and
-- `file = "FILE"` gives them again, those to the same question in their order, the last of
-- them for ever. What was not recorded is an error: nothing is made up, and nothing is sent.
-- Its answers name their model as "recorded:NAME" and cost nothing.
local digest = require "core.digest"
local file = require "file"
local json = require "json"

local recorded = { at_hand = true }

--- What is counted as sent (see openai.lua for what a dialect is); nothing is.
function recorded.request(asked) return "recorded:", {}, { messages = asked.messages, system = asked.system } end

--- The hash of what decides an answer.
function recorded.key(asked)
  local tools
  if asked.tools then
    tools = {}
    for i, tool in ipairs(asked.tools) do tools[i] = { name = tool.name, about = tool.about, input = tool.input } end
  end
  return digest.sha256(json.pack { messages = asked.messages, system = asked.system, schema = asked.schema, tools = tools })
end

local function path_of(entry, name)
  if name:sub(1, 1) == "/" then return name end
  return file.join(entry.home or ".", name)
end

--- A cassette as it lies there: key -> answers in their order. Or nil, message.
local function load(path)
  local text, message = file.read(path)
  if not text then return nil, message end
  local answers, number = {}, 0
  for line in text:gmatch "[^\n]+" do
    number = number + 1
    local one = json.decode(line)
    if type(one) ~= "table" or type(one.key) ~= "string" or type(one.answer) ~= "table" then
      return nil, ("line %d of %s is no recorded answer"):format(number, path)
    end
    answers[one.key] = answers[one.key] or {}
    table.insert(answers[one.key], one.answer)
  end
  return answers
end

local function last_words(asked)
  local content = asked.messages[#asked.messages].content
  content = type(content) == "string" and content or ""
  if #content <= 200 then return content end
  return content:sub(1, (utf8.offset(content, 0, 200) or 200) - 1)
end

local function failure(message)
  return nil, { code = "invalid_request", message = message, charge = "none" }
end

--- The answer, in place of a server's.
function recorded.reply(asked, entry)
  if not entry.file then return failure("a recorded tier needs `file`, the cassette to answer from") end
  local message
  if not entry.cassette then
    entry.cassette, message = load(path_of(entry, entry.file))
    if not entry.cassette then return failure(message) end
    entry.played = {}
  end
  local key = recorded.key(asked)
  local list = entry.cassette[key]
  if not list then
    return failure(("%s has no answer to this; record one with `record = %q` at a real tier"):format(entry.file, entry.file))
  end
  local n = math.min((entry.played[key] or 0) + 1, #list)
  entry.played[key] = n
  local one = list[n]
  local usage = one.usage or {}
  if asked.on_text and type(one.text) == "string" and one.text ~= "" then asked.on_text(one.text) end
  return { text = one.text or "", calls = one.calls, stop = one.stop or "end", refusal = one.refusal,
    model = "recorded:" .. (one.model or entry.model), usage = { input = usage.input or 0, output = usage.output or 0,
      cached = usage.cached or 0 } }
end

--- Add an answer to the cassette of a candidate. Returns true, or nil, message.
function recorded.keep(entry, asked, answer)
  return file.append_sync(path_of(entry, entry.record), assert(json.encode { key = recorded.key(asked), asked = last_words(asked),
    answer = { text = answer.text, calls = answer.calls, stop = answer.stop, model = answer.model or entry.model,
      usage = answer.usage } }))
end

return recorded
