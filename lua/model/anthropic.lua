--- The dialect of Anthropic's Messages (see openai.lua for what a dialect is).
-- `base_url` is the server's address without /v1.
local json = require "json"
local wire = require "model.wire"

local present, field, text = wire.present, wire.field, wire.text

local anthropic = { stream_kind = "event-stream", default_url = "https://api.anthropic.com" }

local stops = { end_turn = "end", stop_sequence = "end", max_tokens = "length", model_context_window_exceeded = "length",
  tool_use = "tools", pause_turn = "paused", refusal = "filtered" }

-- ---- asking --------------------------------------------------------------------

--- A system message is a field of its own there.
function anthropic.request(asked, entry, traits)
  local system, messages = {}, {}
  if asked.system then system[1] = asked.system end
  if asked.schema ~= nil and traits.plain_schema then table.insert(system, wire.instruction(asked.schema)) end
  for _, message in ipairs(asked.messages) do
    if message.role == "user" or message.role == "assistant" then
      messages[#messages + 1] = { role = message.role, content = message.content }
    else
      table.insert(system, message.content)
    end
  end
  local body = { model = entry.model, messages = messages, max_tokens = asked.max_tokens, temperature = asked.temperature,
    top_p = asked.top_p, stop_sequences = asked.stop, stream = asked.on_text and true or nil,
    system = #system > 0 and table.concat(system, "\n\n") or nil }
  if asked.schema ~= nil and not traits.plain_schema then
    body.output_config = { format = { type = "json_schema", schema = asked.schema } }
  end
  return wire.url(entry.base_url, "/v1/messages"), { ["content-type"] = "application/json",
    ["x-api-key"] = entry.key, ["anthropic-version"] = "2023-06-01" }, body
end

function anthropic.adapt(traits, status, body, asked)
  if status ~= 400 or asked.schema == nil or traits.plain_schema then return false end
  if not body:find("output_config", 1, true) and not body:find("json_schema", 1, true) then return false end
  traits.plain_schema = true
  return true
end

-- ---- hearing -------------------------------------------------------------------

--- input_tokens does not count what was cached there; ours is the whole prompt.
local function usage_of(raw)
  if type(raw) ~= "table" then return nil end
  local fresh, output = present(raw.input_tokens), present(raw.output_tokens)
  local written, cached = present(raw.cache_creation_input_tokens) or 0, present(raw.cache_read_input_tokens) or 0
  for _, count in ipairs { fresh or false, written, cached } do
    if math.type(count) ~= "integer" or count < 0 then return nil end
  end
  return { input = fresh + written + cached, output = output, cached = cached, written = written,
    reasoning = field(raw, "output_tokens_details", "thinking_tokens") }
end

function anthropic.reply(decoded)
  if decoded.type == "error" then
    local code, message = anthropic.failure(200, decoded)
    return nil, message, code
  end
  local usage = usage_of(present(decoded.usage))
  local content = present(decoded.content)
  if type(content) ~= "table" then return nil, "the reply has no content", "bad_response", usage end
  local texts = {}
  for _, block in ipairs(content) do
    if type(block) == "table" and block.type == "text" and text(block.text) then texts[#texts + 1] = block.text end
  end
  local stop = stops[present(decoded.stop_reason)]
  if not stop then return nil, "the reply does not say why it ended", "bad_response", usage end
  if #texts == 0 and stop == "end" then return nil, "the reply has no text", "bad_response", usage end
  return { text = table.concat(texts), stop = stop, model = text(decoded.model), usage = usage }
end

local by_type = {
  invalid_request_error = "invalid_request", authentication_error = "auth", billing_error = "quota",
  permission_error = "auth", not_found_error = "invalid_request", request_too_large = "context_length",
  rate_limit_error = "rate_limited", api_error = "server_error", timeout_error = "timeout", overloaded_error = "overloaded",
}
local by_status = { [401] = "auth", [402] = "quota", [403] = "auth", [413] = "context_length", [429] = "rate_limited",
  [503] = "overloaded", [504] = "timeout", [529] = "overloaded" }

function anthropic.failure(status, decoded)
  local message = text(field(decoded, "error", "message")) or ("status %d"):format(status)
  local code = by_type[field(decoded, "error", "type") or 0] or by_status[status]
    or (status >= 400 and status < 500 and "invalid_request") or ((status >= 500 or status == 200) and "server_error")
    or "bad_response"
  if code == "invalid_request" and message:find("prompt is too long", 1, true) then code = "context_length" end
  return code, message
end

-- ---- streams --------------------------------------------------------------------

function anthropic.stream()
  local stream = { texts = {}, usage = {} }

  -- counts are running sums: the later one overrules
  local function note_usage(raw)
    if type(raw) ~= "table" then return end
    for key, value in pairs(raw) do
      if present(value) ~= nil then stream.usage[key] = value end
    end
  end

  function stream.event(event)
    local chunk = json.decode(event.data)
    if type(chunk) ~= "table" then return nil, "the stream has an event that is not JSON", "bad_response" end
    local kind = chunk.type or event.event
    if kind == "error" then
      local code, message = anthropic.failure(200, chunk)
      return nil, message, code
    elseif kind == "message_start" then
      stream.model = text(field(chunk, "message", "model"))
      note_usage(field(chunk, "message", "usage"))
    elseif kind == "message_delta" then
      stream.finish = field(chunk, "delta", "stop_reason") or stream.finish
      note_usage(present(chunk.usage))
    elseif kind == "message_stop" then
      stream.done = true
    elseif kind == "content_block_delta" and field(chunk, "delta", "type") == "text_delta" then
      local piece = text(field(chunk, "delta", "text")) or ""
      stream.texts[#stream.texts + 1] = piece
      return piece
    end
    return ""
  end

  function stream.answer()
    local whole = table.concat(stream.texts)
    local usage = next(stream.usage) and usage_of(stream.usage) or nil
    if not stream.done then
      -- what was counted before the cut is not all that will be charged
      return nil, "the stream ended before the answer did", "stream_cut", nil, whole
    end
    return { text = whole, stop = stops[stream.finish] or "end", model = stream.model, usage = usage }
  end

  return stream
end

return anthropic
