--- The dialect of OpenAI's chat completions, and of every server that copies it.
--
-- A dialect turns our request into bytes and their reply into ours; it sends nothing,
-- decides nothing about retries and knows no price. Its functions:
--   request(asked, entry, traits) -> url, headers, body     body is a table
--   reply(decoded) -> answer | nil, message, code
--   failure(status, decoded or nil) -> code, message
--   adapt(traits, status, text, asked) -> true when another try may fit this server
--   stream() -> { event(event), answer() }, and stream_kind, the content type of a stream:
--              "event-stream" (event gets what sse.lua tells) or "ndjson" (a line)
-- An answer is { text, stop = "end"|"length"|"filtered"|"tools", refusal, model, usage }
-- with usage {input, output, cached, written, reasoning} or nil when it was not told.
local json = require "json"
local wire = require "model.wire"

local present, field = wire.present, wire.field

local openai = { stream_kind = "event-stream", default_url = "https://api.openai.com/v1" }

local stops = { stop = "end", length = "length", content_filter = "filtered", tool_calls = "tools", function_call = "tools" }

-- ---- asking --------------------------------------------------------------------

local function messages_of(asked, traits)
  local list = {}
  local system = asked.system
  if asked.schema ~= nil and traits.plain_schema then
    system = (system and system .. "\n\n" or "") .. wire.instruction(asked.schema)
  end
  if system then list[1] = { role = "system", content = system } end
  for _, message in ipairs(asked.messages) do list[#list + 1] = { role = message.role, content = message.content } end
  return list
end

--- traits is what we learned about this server: plain_schema (no response_format),
-- completion_tokens (the newer name of the limit), no_usage_option.
function openai.request(asked, entry, traits)
  local body = { model = entry.model, messages = messages_of(asked, traits), temperature = asked.temperature,
    top_p = asked.top_p, seed = asked.seed, stop = asked.stop }
  body[traits.completion_tokens and "max_completion_tokens" or "max_tokens"] = asked.max_tokens
  if asked.schema ~= nil and not traits.plain_schema then
    body.response_format = { type = "json_schema", json_schema = { name = asked.schema_name or "answer", schema = asked.schema } }
  end
  if asked.on_text then
    body.stream = true
    if not traits.no_usage_option then body.stream_options = { include_usage = true } end
  end
  local headers = { ["content-type"] = "application/json", accept = asked.on_text and "text/event-stream" or "application/json" }
  if entry.key ~= "" then headers.authorization = "Bearer " .. entry.key end
  return wire.url(entry.base_url, "/chat/completions"), headers, body
end

--- A 400 may only mean that the server is older or newer than our idea of it.
function openai.adapt(traits, status, text, asked)
  if status ~= 400 and status ~= 422 then return false end
  if asked.on_text and not traits.no_usage_option and text:find("stream_options", 1, true) then
    traits.no_usage_option = true
    return true
  end
  if asked.schema ~= nil and not traits.plain_schema
      and (text:find("response_format", 1, true) or text:find("json_schema", 1, true)) then
    traits.plain_schema = true
    return true
  end
  if not traits.completion_tokens and text:find("max_completion_tokens", 1, true) then
    traits.completion_tokens = true
    return true
  end
  return false
end

-- ---- hearing -------------------------------------------------------------------

local function usage_of(raw)
  if type(raw) ~= "table" then return nil end
  return {
    input = present(raw.prompt_tokens), output = present(raw.completion_tokens),
    cached = field(raw, "prompt_tokens_details", "cached_tokens"),
    written = field(raw, "prompt_tokens_details", "cache_write_tokens"),
    reasoning = field(raw, "completion_tokens_details", "reasoning_tokens"),
  }
end

--- Content is text, or a list of parts of which the texts count.
local function text_of(content)
  if type(content) ~= "table" then return content end
  local parts = {}
  for _, part in ipairs(content) do
    if type(part) == "table" and type(part.text) == "string" then parts[#parts + 1] = part.text end
  end
  return table.concat(parts)
end

function openai.reply(decoded)
  local usage = usage_of(present(decoded.usage))
  local failure = present(decoded.error)
  if failure then
    local code, message = openai.failure(200, decoded)
    return nil, message, code, usage
  end
  local choice = field(decoded, "choices", 1)
  if type(choice) ~= "table" then return nil, "the reply has no choice in it", "bad_response", usage end
  local text = text_of(field(choice, "message", "content"))
  local refusal = field(choice, "message", "refusal")
  local stop = stops[present(choice.finish_reason)] or "end"
  if text ~= nil and type(text) ~= "string" then return nil, "the reply's content is no text", "bad_response", usage end
  if text == nil and refusal == nil and stop ~= "filtered" then
    return nil, "the reply has no content", "bad_response", usage
  end
  return { text = text or "", stop = stop, refusal = type(refusal) == "string" and refusal or nil,
    model = type(present(decoded.model)) == "string" and decoded.model or nil, usage = usage }
end

local by_status = {
  [400] = "invalid_request", [401] = "auth", [402] = "quota", [403] = "auth", [404] = "invalid_request",
  [408] = "timeout", [409] = "server_error", [413] = "context_length", [422] = "invalid_request",
  [429] = "rate_limited", [503] = "overloaded", [529] = "overloaded", [504] = "timeout",
}

local by_word = {
  context_length_exceeded = "context_length", insufficient_quota = "quota", billing_hard_limit_reached = "quota",
  content_filter = "content_filter", content_policy_violation = "content_filter", invalid_api_key = "auth",
  rate_limit_exceeded = "rate_limited", server_error = "server_error", overloaded = "overloaded",
}

--- What an error status means; `decoded` may be anything that JSON can say.
function openai.failure(status, decoded)
  local err = type(decoded) == "table" and present(decoded.error) or nil
  local message = type(err) == "table" and present(err.message) or err
  local code = by_word[field(err, "code") or 0] or by_word[field(err, "type") or 0]
  if type(message) ~= "string" then message = ("status %d"):format(status) end
  if not code and status == 400 and message:lower():find("maximum context length", 1, true) then code = "context_length" end
  if not code then
    code = by_status[status] or (status >= 500 and "server_error") or (status >= 400 and "invalid_request") or
      (status == 200 and "server_error") or "bad_response"
  end
  return code, message
end

-- ---- streams --------------------------------------------------------------------

--- Joins a stream. `event` returns the piece of text it brought, or nil, message, code
-- for a failure told inside; `answer` is the whole, or nil, message, "stream_cut".
function openai.stream()
  local stream = { texts = {}, refusals = {} }

  function stream.event(event)
    if event.data == "[DONE]" then
      stream.done = true
      return ""
    end
    local chunk = json.decode(event.data)
    if type(chunk) ~= "table" then return nil, "the stream has an event that is not JSON", "bad_response" end
    if present(chunk.error) then
      local code, message = openai.failure(200, chunk)
      return nil, message, code
    end
    -- the last usage counts: some servers tell a running sum with every chunk
    if type(present(chunk.usage)) == "table" then stream.usage = chunk.usage end
    stream.model = present(chunk.model) or stream.model
    local choice = field(chunk, "choices", 1)
    if not choice then return "" end
    stream.finish = field(choice, "finish_reason") or stream.finish
    local refusal = field(choice, "delta", "refusal")
    if type(refusal) == "string" then table.insert(stream.refusals, refusal) end
    local text = text_of(field(choice, "delta", "content"))
    if type(text) ~= "string" then return "" end
    table.insert(stream.texts, text)
    return text
  end

  function stream.answer()
    local text, usage = table.concat(stream.texts), usage_of(stream.usage)
    -- usage told before a cut may be a running sum: it is not the bill
    if not stream.finish then return nil, "the stream ended before the answer did", "stream_cut", nil, text end
    local refusal = table.concat(stream.refusals)
    return { text = text, stop = stops[stream.finish] or "end", refusal = refusal ~= "" and refusal or nil,
      model = type(stream.model) == "string" and stream.model or nil, usage = usage }
  end

  return stream
end

return openai
