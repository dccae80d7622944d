--- The dialect of Ollama's own chat interface (see openai.lua for what a dialect is).
-- `base_url` is the server's address without /v1; a local server needs no key.
local json = require "json"
local wire = require "model.wire"

local present, field, text = wire.present, wire.field, wire.text

local ollama = { stream_kind = "ndjson", default_url = "http://127.0.0.1:11434" }

local stops = { stop = "end", length = "length" }

function ollama.request(asked, entry)
  local messages = {}
  if asked.system then messages[1] = { role = "system", content = asked.system } end
  for _, message in ipairs(asked.messages) do messages[#messages + 1] = { role = message.role, content = message.content } end
  local body = {
    model = entry.model, messages = messages, format = asked.schema,
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

function ollama.adapt() return false end

local function usage_of(last)
  local input, output = present(last.prompt_eval_count), present(last.eval_count)
  if input == nil and output == nil then return nil end
  return { input = input, output = output, cached = present(last.prompt_eval_cached_count) }
end

function ollama.reply(decoded)
  if present(decoded.error) then
    local code, message = ollama.failure(200, decoded)
    return nil, message, code
  end
  local usage = usage_of(decoded)
  if decoded.done ~= true then return nil, "the reply is not finished", "bad_response", usage end
  local content = text(field(decoded, "message", "content"))
  if not content then return nil, "the reply has no content", "bad_response", usage end
  return { text = content, stop = stops[present(decoded.done_reason)] or "end", model = text(decoded.model), usage = usage }
end

local by_status = { [400] = "invalid_request", [401] = "auth", [403] = "auth", [404] = "invalid_request", [429] = "rate_limited",
  [503] = "overloaded", [504] = "timeout" }

function ollama.failure(status, decoded)
  local message = text(field(decoded, "error")) or ("status %d"):format(status)
  if message:lower():find("context length", 1, true) then return "context_length", message end
  return by_status[status] or (status >= 400 and status < 500 and "invalid_request") or
    ((status >= 500 or status == 200) and "server_error") or "bad_response", message
end

function ollama.stream()
  local stream = { texts = {} }

  function stream.event(line)
    local chunk = json.decode(line)
    if type(chunk) ~= "table" then return nil, "the stream has a line that is not JSON", "bad_response" end
    if present(chunk.error) then
      local code, message = ollama.failure(200, chunk)
      return nil, message, code
    end
    if chunk.done == true then stream.last = chunk end
    local piece = text(field(chunk, "message", "content")) or ""
    stream.texts[#stream.texts + 1] = piece
    return piece
  end

  function stream.answer()
    local whole = table.concat(stream.texts)
    if not stream.last then return nil, "the stream ended before the answer did", "stream_cut", nil, whole end
    return { text = whole, stop = stops[present(stream.last.done_reason)] or "end", model = text(stream.last.model),
      usage = usage_of(stream.last) }
  end

  return stream
end

return ollama
