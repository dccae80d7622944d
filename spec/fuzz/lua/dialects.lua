--- What a model server sends, right or nearly: a dialect makes an answer of it that can be
-- used, or says why not; in a stream however the bytes are cut. What tools.lua then asks
-- again is a request that every dialect can send.
local choices = require "choices"
local json = require "json"
local ndjson = require "ndjson"
local price = require "model.price"
local request = require "model.request"
local sse = require "sse"
local tools = require "model.tools"

local dialects = { require "model.openai", require "model.anthropic", require "model.ollama" }

-- A right reply of each, and the events of a right stream.
local whole = {
  [[{"choices":[{"index":0,"message":{"content":"a","refusal":null,"tool_calls":[{"id":"1","function":{"name":"look","arguments":"{\"at\":\"x\"}"}}]},
    "finish_reason":"tool_calls"}],"model":"m","usage":{"prompt_tokens":9,"completion_tokens":3,"total_tokens":12,
    "prompt_tokens_details":{"cached_tokens":1,"cache_write_tokens":1},"completion_tokens_details":{"reasoning_tokens":1}}}]],
  [[{"type":"message","model":"m","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"1","name":"look","input":{"at":"x"}}],
    "stop_reason":"tool_use","usage":{"input_tokens":9,"output_tokens":3,"cache_creation_input_tokens":2,"cache_read_input_tokens":1,
    "cache_creation":{"ephemeral_5m_input_tokens":1,"ephemeral_1h_input_tokens":1}}}]],
  [[{"model":"m","message":{"content":"a","tool_calls":[{"id":"1","function":{"name":"look","arguments":{"at":"x"}}}]},"done":true,
    "done_reason":"stop","prompt_eval_count":9,"eval_count":3}]],
}
local streams = {
  { [[{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}]],
    [[{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"1","function":{"name":"look","arguments":"{\"at\""}}]}}]}]],
    [[{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":":\"x\"}"}}]},"finish_reason":"tool_calls"}]}]],
    [[{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}]] },
  { [[{"type":"message_start","message":{"model":"m","usage":{"input_tokens":9,"output_tokens":1}}}]],
    [[{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}]],
    [[{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}]],
    [[{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"1","name":"look","input":{}}}]],
    [[{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"at\":\"x\"}"}}]],
    [[{"type":"message_delta","delta":{"stop_reason":"tool_use"},"usage":{"output_tokens":3}}]], [[{"type":"message_stop"}]] },
  { [[{"message":{"content":"a"},"done":false}]], [[{"message":{"tool_calls":[{"function":{"name":"look","arguments":{}}}]},"done":false}]],
    [[{"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3}]] },
}

local words = { "choices", "index", "message", "delta", "content", "text", "refusal", "tool_calls", "id", "function", "name", "arguments",
  "finish_reason", "stop", "length", "content_filter", "error", "usage", "prompt_tokens", "completion_tokens", "total_tokens", "type",
  "input", "input_tokens", "output_tokens", "stop_reason", "end_turn", "max_tokens", "pause_turn", "refusal", "tool_use", "done",
  "done_reason", "look", "now", "lok", '{"at":', "[]", "null", "", "a\0\27b", "message_start", "content_block_start", "text_delta",
  "message_stop", "model", "partial_json", "code", "overloaded_error", "eval_count", "input_json_delta" }

local codes = {}
for code in ("invalid_request auth quota rate_limited overloaded server_error timeout context_length content_filter bad_response stream_cut too_large")
    :gmatch "%S+" do
  codes[code] = true
end
local stops = { ["end"] = true, length = true, filtered = true, tools = true, paused = true }

local asked = assert(request.read { prompt = "x", max_tokens = 5, tools = { { name = "now" },
  { name = "look", input = { type = "object", required = { "at" }, properties = { at = { type = "string" } } } } } })

--- A part of a value, somewhere in it, becomes another, or goes.
local function change(c, value)
  local at = value
  for _ = 1, c:below(7) do
    local keys = json.sorted_keys(at)
    if #keys == 0 then return end
    local key = c:pick(keys)
    if type(at[key]) ~= "table" or c:below(4) == 0 then
      local kind = c:below(4)
      if kind == 0 then at[key] = json.null elseif kind == 1 and math.type(key) ~= "integer" then at[key] = nil else at[key] = c:value(words) end
      return
    end
    at = at[key]
  end
end

local function changed(c, text)
  local value = json.decode(text)
  for _ = 1, c:below(4) do change(c, value) end
  return json.encode(value) or "null"
end

local function check_text(text)
  assert(type(text) == "string" and utf8.len(text), "a text that is none")
end

local function judge(answer, message, code, usage)
  if not answer then
    check_text(message)
    assert(codes[code], "a code that nobody knows: " .. tostring(code))
    price.usage(usage)
    return
  end
  check_text(answer.text)
  assert(stops[answer.stop], "an end that nobody knows")
  if answer.model then check_text(answer.model) end
  local told = price.usage(answer.usage)
  assert(not told or told.input > 0, "a prompt that cost nothing")
  local ids = {}
  for _, call in ipairs(answer.calls or {}) do
    assert(type(call.id) == "string" and not ids[call.id], "an id that is not one call's")
    ids[call.id] = true
    assert((call.args == nil) == (call.problem ~= nil), "a call with arguments and a problem")
    check_text(call.name)
  end
  local fine, problem = tools.check(asked, answer)
  if fine then
    for _, call in ipairs(answer.calls or {}) do assert(call.name == "now" or type(call.args.at) == "string", "a call that does not fit") end
    return
  end
  check_text(problem)
  local again = tools.repair(asked, answer)
  assert(request.read { messages = again.messages }, "a repair that makes no sense")
  for _, dialect in ipairs(dialects) do
    local _, _, body = dialect.request(again, { model = "m", base_url = "http://x", key = "k" }, {})
    assert(json.encode(body))
  end
end

local function read(dialect, text, cuts)
  local joined, said, failed = dialect.stream(), {}, nil
  local parser = (dialect.stream_kind == "ndjson" and ndjson or sse).new(function(event)
    if failed then return end
    local piece, message, code = joined.event(event)
    if not piece then
      failed = { nil, message, code }
    else
      said[#said + 1] = piece
    end
  end)
  local at = 1
  for _, n in ipairs(cuts) do
    parser:feed(text:sub(at, at + n - 1))
    at = at + n
  end
  parser:feed(text:sub(at))
  if parser.finish and not failed then parser:finish() end
  local answer, message, code, usage, part = joined.answer()
  assert((answer and answer.text or part) == table.concat(said), "what was said is not what is kept")
  if failed then answer, message, code = nil, failed[2], failed[3] end
  return answer, message, code, usage
end

return function(bytes)
  local c = choices.of(bytes)
  local n = c:below(#dialects) + 1
  local dialect = dialects[n]
  if c:below(3) == 0 then
    local decoded = json.decode(changed(c, whole[n]))
    if type(decoded) == "table" then
      judge(dialect.reply(decoded))
      local code, message = dialect.failure(c:pick { 400, 404, 429, 500, 503, 200, 302 }, decoded)
      assert(codes[code])
      check_text(message)
    end
    return
  end
  local cuts, out = {}, {}
  for i = 1, c:below(8) do cuts[i] = c:below(200) end
  local raw = c:below(4) == 0
  for _, event in ipairs(streams[n]) do
    event = changed(c, event)
    if c:below(12) ~= 0 then out[#out + 1] = n == 3 and event .. "\n" or "data: " .. event .. "\n\n" end
    if c:below(20) == 0 and out[1] then table.insert(out, 1, out[#out]) end
  end
  local text = raw and c:rest() or table.concat(out)
  local answer, message, code, usage = read(dialect, text, {})
  judge(answer, message, code, usage)
  local cut, _, cut_code = read(dialect, text, cuts)
  assert(cut_code == code, "a cut that changes the failure")
  assert((cut and cut.text) == (answer and answer.text), "a cut that changes the answer")
end
