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
-- An answer is { text, stop = "end"|"length"|"filtered"|"tools"|"paused", calls = {{id,
-- name, args or problem}}, refusal, model, usage } with usage {input, output, cached,
-- written, written_1h, reasoning} or nil when it was not told. `answer` of a stream that
-- failed returns nil, message, code, nil, the text so far, and the usage so far, which is
-- the least that will be charged (`told` in an answer).
local calls = require "model.calls"
local json = require "json"
local wire = require "model.wire"

local present, field, list, number = wire.present, wire.field, wire.list, wire.number

local openai = { stream_kind = "event-stream", default_url = "https://api.openai.com/v1" }

local stops = { stop = "end", length = "length", content_filter = "filtered", tool_calls = "tools", function_call = "tools" }

-- ---- asking --------------------------------------------------------------------

--- Calls as they are told to a server: the arguments are a text there.
local function calls_of(message)
  local out = {}
  for i, call in ipairs(message.calls) do
    out[i] = { id = call.id, type = "function", ["function"] = { name = call.name, arguments = assert(json.encode(call.args)) } }
  end
  return out
end

local function message_of(message)
  if message.calls then
    return { role = "assistant", content = message.content ~= "" and message.content or json.null, tool_calls = calls_of(message) }
  elseif message.role == "tool" then
    return { role = "tool", tool_call_id = message.call, content = wire.result(message) }
  end
  return { role = message.role, content = message.content }
end

local function messages_of(asked, traits)
  local out = {}
  local system = asked.system
  if asked.schema ~= nil and traits.plain_schema then
    system = (system and system .. "\n\n" or "") .. wire.instruction(asked.schema)
  end
  if system then out[1] = { role = "system", content = system } end
  for _, message in ipairs(asked.messages) do out[#out + 1] = message_of(message) end
  return out
end

local function add_tools(body, asked, traits)
  body.tools = {}
  for i, tool in ipairs(asked.tools) do
    body.tools[i] = { type = "function", ["function"] = { name = tool.name, description = tool.about, parameters = tool.input } }
  end
  local choice = asked.tool_choice
  if choice and choice ~= "auto" and choice ~= "none" and choice ~= "required" then
    choice = { type = "function", ["function"] = { name = choice } }
  end
  body.tool_choice = choice
  if asked.parallel_tools == false and not traits.no_parallel_option then body.parallel_tool_calls = false end
end

--- traits is what we learned about this server: plain_schema (no response_format),
-- no_strict, completion_tokens (the newer name of the limit), no_usage_option,
-- no_parallel_option, no_effort.
function openai.request(asked, entry, traits)
  local body = { model = entry.model, messages = messages_of(asked, traits), temperature = asked.temperature,
    top_p = asked.top_p, seed = asked.seed, stop = asked.stop }
  body[traits.completion_tokens and "max_completion_tokens" or "max_tokens"] = asked.max_tokens
  if asked.schema ~= nil and not traits.plain_schema then
    body.response_format = { type = "json_schema", json_schema = { name = asked.schema_name or "answer", schema = asked.schema,
      strict = not traits.no_strict and wire.strict(asked.schema) or nil } }
  end
  if asked.tools then add_tools(body, asked, traits) end
  body.service_tier = asked.service
  if not traits.no_effort then body.reasoning_effort = asked.effort end
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
  local function learn(trait, sent, ...)
    if not sent or traits[trait] then return false end
    for _, word in ipairs { ... } do
      if text:find(word, 1, true) then
        traits[trait] = true
        return true
      end
    end
    return false
  end
  local schema = asked.schema ~= nil
  return learn("no_usage_option", asked.on_text, "stream_options")
    or learn("no_strict", schema and not traits.plain_schema and wire.strict(asked.schema), "strict")
    or learn("plain_schema", schema, "response_format", "json_schema")
    or learn("no_parallel_option", asked.parallel_tools == false, "parallel_tool_calls")
    or learn("no_effort", asked.effort, "reasoning_effort")
    or learn("completion_tokens", true, "max_completion_tokens")
end

-- ---- hearing -------------------------------------------------------------------

--- Some servers leave what was thought out of completion_tokens, and tell it in the
-- total only; it is charged as output.
local function output_of(raw)
  local input, output, total = number(raw, "prompt_tokens"), number(raw, "completion_tokens"), number(raw, "total_tokens")
  if math.type(input) == "integer" and math.type(output) == "integer" and math.type(total) == "integer"
      and input >= 0 and output >= 0 and total - input > output then
    return total - input
  end
  return output
end

--- What a usage tells, and nothing else of it.
local function counts_of(raw)
  if type(raw) ~= "table" then return nil end
  return {
    input = number(raw, "prompt_tokens"), output = output_of(raw),
    cached = number(raw, "prompt_tokens_details", "cached_tokens"),
    written = number(raw, "prompt_tokens_details", "cache_write_tokens"),
    reasoning = number(raw, "completion_tokens_details", "reasoning_tokens"),
  }
end

--- Content is text, or a list of parts of which the texts count.
local function text_of(content)
  if type(content) ~= "table" then return content end
  local parts = {}
  for _, part in ipairs(content) do
    if type(part) == "table" and type(part.text) == "string" then parts[#parts + 1] = part.text end
  end
  return #parts > 0 and table.concat(parts) or nil
end

--- The choice that was asked for: the first by number. Others are not ours.
local function choice_of(decoded)
  for _, choice in ipairs(list(present(decoded.choices))) do
    if type(choice) == "table" and (present(choice.index) or 0) == 0 then return choice end
  end
end

local function told_calls(message)
  local told = {}
  for i, call in ipairs(list(field(message, "tool_calls"))) do
    told[i] = { id = field(call, "id"), name = field(call, "function", "name"), args = field(call, "function", "arguments") }
  end
  return told
end

local function some(text)
  return type(text) == "string" and text ~= "" and text or nil
end

function openai.reply(decoded)
  local failure = present(decoded.error)
  if failure then
    local code, message = openai.failure(200, decoded)
    return nil, message, code, wire.usage(counts_of(present(decoded.usage)), true)
  end
  local choice = choice_of(decoded)
  local message = field(choice, "message")
  local text, refusal, told = text_of(field(message, "content")), field(message, "refusal"), told_calls(message)
  local usage = wire.usage(counts_of(present(decoded.usage)), some(text) or some(refusal) or told[1])
  if not choice then return nil, "the reply has no choice in it", "bad_response", usage end
  local finish = field(choice, "finish_reason")
  if finish == "error" then return nil, "the server gave up on the answer", "server_error", usage end
  local stop = stops[finish or 0] or "end"
  if text ~= nil and type(text) ~= "string" then return nil, "the reply's content is no text", "bad_response", usage end
  if text == nil and not some(refusal) and not told[1] and stop ~= "filtered" then
    return nil, "the reply has no content", "bad_response", usage
  end
  return calls.give({ text = text or "", stop = stop, refusal = some(refusal), model = wire.name(decoded.model), usage = usage }, told)
end

local by_word = {
  context_length_exceeded = "context_length", insufficient_quota = "quota", billing_hard_limit_reached = "quota",
  content_filter = "content_filter", content_policy_violation = "content_filter", invalid_api_key = "auth",
  rate_limit_exceeded = "rate_limited", server_error = "server_error", overloaded = "overloaded",
  exceed_context_size_error = "context_length", string_above_max_length = "context_length",
}

--- Words of servers that have no code for a request that is too long.
local too_long = { "maximum context length", "context length exceeded", "exceeds the available context size",
  "context window", "maximum number of tokens allowed" }

local function says_too_long(message)
  message = message:lower()
  for _, words in ipairs(too_long) do
    if message:find(words, 1, true) then return true end
  end
  return false
end

--- What an error status means; `decoded` may be anything that JSON can say.
function openai.failure(status, decoded)
  local err = type(decoded) == "table" and present(decoded.error) or nil
  local message = type(err) == "table" and present(err.message) or err
  local number = field(err, "code")
  local code = by_word[number or 0] or by_word[field(err, "type") or 0]
  if type(message) ~= "string" then message = ("status %d"):format(status) end
  -- an error inside a 200 may bring the status that it would have had
  if status == 200 and math.type(number) == "integer" and number >= 400 and number < 600 then status = number end
  if not code and status == 400 and says_too_long(message) then code = "context_length" end
  return code or wire.code_of(status), message
end

-- ---- streams --------------------------------------------------------------------

--- Pieces of calls: the first of an index has id and name, the others go on with its
-- arguments. Returns true, or nil, message, code.
local function join_calls(stream, pieces)
  for _, piece in ipairs(list(pieces)) do
    local index = field(piece, "index")
    local name, arguments = field(piece, "function", "name"), field(piece, "function", "arguments")
    -- servers that number nothing tell each call whole
    if index == nil then index = some(name) and #stream.order or math.max(#stream.order - 1, 0) end
    index = math.type(index) and math.tointeger(index)
    if not index or index < 0 or index >= calls.most then return nil, "the stream has a tool call without a place", "bad_response" end
    local call = stream.calls[index]
    if not call then
      call = { index = index, pieces = {} }
      stream.calls[index] = call
      table.insert(stream.order, call)
    end
    arguments = calls.packed(arguments)
    local id = some(field(piece, "id")) or ""
    local room, message, code = stream.take(id .. (some(name) or "") .. (some(arguments) or ""))
    if not room then return nil, message, code end
    call.id, call.name = call.id or some(id), call.name or some(name)
    table.insert(call.pieces, some(arguments))
  end
  return true
end

local function joined_calls(stream)
  table.sort(stream.order, function(a, b) return a.index < b.index end)
  local told = {}
  for i, call in ipairs(stream.order) do
    told[i] = { id = call.id, name = call.name, args = table.concat(call.pieces) }
  end
  return told
end

--- What a delta of our choice brings: its text, or nil, message, code.
local function join_delta(stream, delta)
  local refusal, text = some(field(delta, "refusal")), some(text_of(field(delta, "content")))
  local room, message, code = stream.take((refusal or "") .. (text or ""))
  if not room then return nil, message, code end
  room, message, code = join_calls(stream, field(delta, "tool_calls"))
  if not room then return nil, message, code end
  if refusal then table.insert(stream.refusals, refusal) end
  if text then table.insert(stream.texts, text) end
  return text or ""
end

--- Joins a stream. `event` returns the piece of text it brought, or nil, message, code
-- for a failure told inside; `answer` is the whole, or nil, message, "stream_cut".
function openai.stream()
  local stream = { texts = {}, refusals = {}, calls = {}, order = {}, take = wire.meter() }

  function stream.event(event)
    if stream.done then return "" end
    if event.data == "[DONE]" then
      stream.done = true
      return ""
    end
    local chunk = wire.decode(event.data)
    if type(chunk) ~= "table" then return nil, "the stream has an event that is not JSON", "bad_response" end
    if present(chunk.error) then
      local code, message = openai.failure(200, chunk)
      return nil, message, code
    end
    stream.model = wire.name(chunk.model) or stream.model
    local choice = choice_of(chunk)
    local finish = some(field(choice, "finish_reason"))
    if finish == "error" then return nil, "the server gave up on the answer", "server_error" end
    stream.finish = finish or stream.finish
    -- the last usage counts, and only the end of the answer makes it the bill: some servers
    -- tell a running sum with every chunk, the one of the finish included. Behind that, in a
    -- chunk without a choice, only the bill can come.
    if type(present(chunk.usage)) == "table" then
      stream.counts, stream.counted = counts_of(chunk.usage), stream.finish ~= nil
      stream.billed = stream.counted and not choice
    end
    if not choice then return "" end
    return join_delta(stream, field(choice, "delta"))
  end

  function stream.answer()
    local text, refusal, told = table.concat(stream.texts), some(table.concat(stream.refusals)), joined_calls(stream)
    local so_far = wire.usage(stream.counts, some(text) or refusal or told[1])
    if not stream.finish then return nil, "the stream ended before the answer did", "stream_cut", nil, text, so_far end
    local usage = (stream.billed or stream.counted and stream.done) and so_far or nil
    local answer, message, code = calls.give({ text = text, stop = stops[stream.finish] or "end", refusal = refusal,
      model = stream.model, usage = usage, told = so_far }, told)
    if answer then return answer end
    return nil, message, code, usage, text, so_far
  end

  return stream
end

return openai
