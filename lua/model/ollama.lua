--- The dialect of Ollama's own chat interface (see openai.lua for what a dialect is).
-- `base_url` is the server's address without /v1; a local server needs no key.
local calls = require "model.calls"
local wire = require "model.wire"

local present, field, text, list = wire.present, wire.field, wire.text, wire.list

local ollama = { stream_kind = "ndjson", default_url = "http://127.0.0.1:11434" }

local stops = { stop = "end", length = "length" }

local function message_of(message)
  if message.role == "tool" then
    return { role = "tool", content = wire.result(message), tool_name = message.name, tool_call_id = message.call }
  end
  local out = { role = message.role == "developer" and "system" or message.role, content = message.content }
  for i, call in ipairs(message.calls or {}) do
    out.tool_calls = out.tool_calls or {}
    -- an object there, not the text of one
    out.tool_calls[i] = { id = call.id, ["function"] = { index = i - 1, name = call.name, arguments = call.args } }
  end
  return out
end

--- It knows no tool_choice: the tools that may not be called are left out, and whether one
-- was is checked by tools.lua.
local function tools_of(asked)
  local choice, out = asked.tool_choice, {}
  if choice == "none" then return nil end
  for _, tool in ipairs(asked.tools or out) do
    if not choice or choice == "auto" or choice == "required" or choice == tool.name then
      out[#out + 1] = { type = "function", ["function"] = { name = tool.name, description = tool.about, parameters = tool.input } }
    end
  end
  return #out > 0 and out or nil
end

local function think_of(asked, traits)
  if not asked.effort or traits.no_effort then return nil end
  if asked.effort == "none" then return false end
  -- only some models know steps, the others yes and no
  if traits.plain_think then return true end
  return (asked.effort == "minimal" and "low") or (asked.effort == "xhigh" or asked.effort == "max") and "high" or asked.effort
end

function ollama.request(asked, entry, traits)
  local messages = {}
  local system = asked.system
  if asked.schema ~= nil and traits.plain_schema then
    system = (system and system .. "\n\n" or "") .. wire.instruction(asked.schema)
  end
  if system then messages[1] = { role = "system", content = system } end
  for _, message in ipairs(asked.messages) do messages[#messages + 1] = message_of(message) end
  local body = {
    model = entry.model, messages = messages, format = not traits.plain_schema and asked.schema or nil,
    tools = tools_of(asked), think = think_of(asked, traits),
    -- it streams unless told otherwise
    stream = asked.on_text ~= nil,
    -- without num_ctx the context may be cut silently
    options = { num_predict = asked.max_tokens, num_ctx = entry.context, temperature = asked.temperature,
      top_p = asked.top_p, seed = asked.seed, stop = asked.stop },
  }
  local headers = { ["content-type"] = "application/json" }
  if entry.key ~= "" then headers.authorization = "Bearer " .. entry.key end
  return wire.url(entry.base_url, "/api/chat"), headers, body
end

--- Models differ in what they can; the server says so with a sentence.
function ollama.adapt(traits, status, body, asked)
  if status ~= 400 and status ~= 500 then return false end
  if asked.effort and not traits.no_effort and body:find("think", 1, true) then
    traits[traits.plain_think and "no_effort" or body:find("value", 1, true) and "plain_think" or "no_effort"] = true
    return true
  end
  if asked.schema ~= nil and not traits.plain_schema and (body:find("format", 1, true) or body:find("grammar", 1, true)) then
    traits.plain_schema = true
    return true
  end
  return false
end

--- Older servers tell no prompt_eval_count, or 0, for a prompt that they had cached.
local function usage_of(last, said)
  local input, output = present(last.prompt_eval_count), present(last.eval_count)
  if input == nil and output == nil then return nil end
  return wire.usage({ input = input, output = output, cached = present(last.prompt_eval_cached_count) }, said)
end

--- Calls come whole; `told` gets them.
local function tell_calls(message, told)
  for _, call in ipairs(list(field(message, "tool_calls"))) do
    told[#told + 1] = { id = field(call, "id"), name = field(call, "function", "name"), args = calls.packed(field(call, "function", "arguments")) }
  end
end

local function answer_of(whole, told, last)
  local usage = usage_of(last, whole ~= "" or #told > 0)
  return calls.give({ text = whole, stop = stops[present(last.done_reason) or 0] or "end", model = wire.name(last.model),
    usage = usage }, told)
end

function ollama.reply(decoded)
  if present(decoded.error) then
    local code, message = ollama.failure(200, decoded)
    return nil, message, code
  end
  local content, told = text(field(decoded, "message", "content")), {}
  tell_calls(field(decoded, "message"), told)
  local usage = usage_of(decoded, true)
  if decoded.done ~= true then return nil, "the reply is not finished", "bad_response", usage end
  if not content and #told == 0 then return nil, "the reply has no content", "bad_response", usage end
  return answer_of(content or "", told, decoded)
end

function ollama.failure(status, decoded)
  local message = text(field(decoded, "error")) or ("status %d"):format(status)
  if message:lower():find("context length", 1, true) then return "context_length", message end
  return wire.code_of(status), message
end

function ollama.stream()
  local stream = { texts = {}, told = {}, take = wire.meter() }

  function stream.event(line)
    if stream.last then return "" end
    local chunk = wire.decode(line)
    if type(chunk) ~= "table" then return nil, "the stream has a line that is not JSON", "bad_response" end
    if present(chunk.error) then
      local code, message = ollama.failure(200, chunk)
      return nil, message, code
    end
    if chunk.done == true then stream.last = chunk end
    if field(chunk, "message", "tool_calls") then
      -- with all that its arguments hold
      local room, message, code = stream.take(line)
      if not room then return nil, message, code end
      tell_calls(field(chunk, "message"), stream.told)
    end
    if #stream.told > calls.most then return nil, ("the reply has more than %d tool calls"):format(calls.most), "bad_response" end
    local piece = text(field(chunk, "message", "content")) or ""
    local room, message, code = stream.take(piece)
    if not room then return nil, message, code end
    stream.texts[#stream.texts + 1] = piece
    return piece
  end

  function stream.answer()
    local whole = table.concat(stream.texts)
    if not stream.last then return nil, "the stream ended before the answer did", "stream_cut", nil, whole end
    local answer, message, code, usage = answer_of(whole, stream.told, stream.last)
    if answer then return answer end
    return nil, message, code, usage, whole, usage
  end

  return stream
end

return ollama
