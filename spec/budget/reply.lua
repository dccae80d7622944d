--- What a provider says, as bytes: replies and streams of two dialects, whole and right.
--- What is done to them afterwards is the provider's business (provider.lua).
--
-- A usage is { fresh, cached, written, output, reasoning }: tokens; the whole prompt is
-- fresh + cached + written, reasoning is part of output. `told` is how it is said: "yes",
-- "no" (left out), "null", "wrong" (it makes no sense).
local reply = {}

-- ---- usage --------------------------------------------------------------------

local nonsense = { openai = '{"prompt_tokens":-3,"completion_tokens":2.5,"total_tokens":"many"}',
  anthropic = '{"input_tokens":"some","output_tokens":-1}' }

local usages = {}

function usages.openai(u)
  local input = u.fresh + u.cached + u.written
  return ('{"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d,'
    .. '"cache_write_tokens":%d},"completion_tokens_details":{"reasoning_tokens":%d}}'):format(input, u.output,
    input + u.output, u.cached, u.written, u.reasoning)
end

function usages.anthropic(u)
  return ('{"input_tokens":%d,"cache_creation_input_tokens":%d,"cache_read_input_tokens":%d,"output_tokens":%d,'
    .. '"output_tokens_details":{"thinking_tokens":%d}}'):format(u.fresh, u.written, u.cached, u.output, u.reasoning)
end

--- ',"usage":...' or nothing.
local function usage_field(dialect, u, told)
  if told == "no" then return "" end
  local text = told == "null" and "null" or told == "wrong" and nonsense[dialect] or usages[dialect](u)
  return ',"usage":' .. text
end

-- ---- whole --------------------------------------------------------------------

local whole = {}

--- `how` has text, stop ("end", "length", "filtered", "silent": a reply without content).
function whole.openai(id, u, told, how)
  local stops = { ["end"] = "stop", length = "length", filtered = "content_filter", silent = "stop" }
  local content = how.stop == "silent" and "null" or '"' .. how.text .. '"'
  return ('{"id":"%s","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":'
    .. '"assistant","content":%s},"logprobs":null,"finish_reason":"%s"}]%s}'):format(id, content, stops[how.stop],
    usage_field("openai", u, told))
end

function whole.anthropic(id, u, told, how)
  local stops = { ["end"] = "end_turn", length = "max_tokens", filtered = "refusal", silent = "end_turn" }
  local content = how.stop == "silent" and "" or '{"type":"text","text":"' .. how.text .. '"}'
  return ('{"id":"%s","type":"message","role":"assistant","model":"m","content":[%s],"stop_reason":"%s",'
    .. '"stop_sequence":null%s}'):format(id, content, stops[how.stop], usage_field("anthropic", u, told))
end

reply.whole = whole

--- An error as the dialect words it.
function reply.failure(dialect, kind)
  if dialect == "openai" then return ('{"error":{"message":"no","type":"%s","param":null,"code":null}}'):format(kind) end
  return ('{"type":"error","error":{"type":"%s","message":"no"}}'):format(kind)
end

-- ---- streams ------------------------------------------------------------------

local streams = {}

--- Pieces of a stream; how.running: counts that grow with every chunk.
function streams.openai(id, u, told, how)
  local pieces = {}
  local function chunk(choices, usage)
    pieces[#pieces + 1] = ('data: {"id":"%s","object":"chat.completion.chunk","created":1,"model":"m","choices":[%s]%s}\n\n')
      :format(id, choices, usage or "")
  end
  local function so_far(n)
    if not how.running or told ~= "yes" then return ',"usage":null' end
    return usage_field("openai", { fresh = u.fresh, cached = u.cached, written = u.written, reasoning = 0,
      output = math.min(n, u.output) }, told)
  end
  chunk('{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}', so_far(0))
  local n = 0
  for word in how.text:gmatch("%S+ ?") do
    n = n + 1
    chunk(('{"index":0,"delta":{"content":"%s"},"finish_reason":null}'):format(word), so_far(n))
  end
  chunk(('{"index":0,"delta":{},"finish_reason":"%s"}'):format(how.stop == "length" and "length" or "stop"), so_far(n))
  local last = usage_field("openai", u, told)
  if last ~= "" then chunk("", last) end
  pieces[#pieces + 1] = "data: [DONE]\n\n"
  return pieces
end

function streams.anthropic(id, u, told, how)
  local pieces = {}
  local function event(name, fields)
    pieces[#pieces + 1] = ('event: %s\ndata: {"type":"%s"%s}\n\n'):format(name, name, fields or "")
  end
  local first = { fresh = u.fresh, cached = u.cached, written = u.written, output = 1, reasoning = 0 }
  event("message_start", (',"message":{"id":"%s","type":"message","role":"assistant","model":"m","content":[],'
    .. '"stop_reason":null,"stop_sequence":null%s}'):format(id, usage_field("anthropic", first, told)))
  event("content_block_start", ',"index":0,"content_block":{"type":"text","text":""}')
  if how.running then event "ping" end
  for word in how.text:gmatch("%S+ ?") do
    event("content_block_delta", (',"index":0,"delta":{"type":"text_delta","text":"%s"}'):format(word))
  end
  event("content_block_stop", ',"index":0')
  event("message_delta", (',"delta":{"stop_reason":"%s","stop_sequence":null}%s'):format(
    how.stop == "length" and "max_tokens" or "end_turn", usage_field("anthropic", u, told)))
  event "message_stop"
  return pieces
end

reply.streams = streams

--- A failure told inside a stream, after a 200.
function reply.stream_failure(dialect)
  if dialect == "openai" then return "data: " .. reply.failure(dialect, "server_error") .. "\n\n" end
  return "event: error\ndata: " .. reply.failure(dialect, "overloaded_error") .. "\n\n"
end

return reply
