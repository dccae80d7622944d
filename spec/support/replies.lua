--- Replies of the model APIs, right or nearly: replies[api].whole(t) is a body and
-- replies[api].pieces(t) what a stream sends, an event or a line each.
--
-- t is { text, words (the text in pieces), calls = {{id, name, arguments as text}}, finish,
-- model, content (in place of the text), input, output, cached, written, written_1h (what
-- it used), usage (in place of what these make; false is none), edit(value) (a last change
-- of the body, or of each event) }, and for streams: every_usage, usage_in_finish,
-- excess (all of the usage with every chunk), no_finish, no_end, extra (pieces after the first), errors (after the text).
local json = require "json"

local replies = { openai = {}, anthropic = {}, ollama = {} }

local null = json.null

local function edited(t, value)
  return json.encode(t.edit and t.edit(value) or value)
end

local function usage_or(t, made)
  if t.usage == false then return nil end
  return t.usage or made
end

--- The extra pieces, then those behind them.
local function with_extra(t, pieces)
  for i, piece in ipairs(t.extra or {}) do table.insert(pieces, i + 1, piece) end
  return pieces
end

-- ---- OpenAI ----------------------------------------------------------------

local openai = replies.openai
openai.kind = "text/event-stream"

function openai.usage(t)
  return usage_or(t, { prompt_tokens = t.input, completion_tokens = t.output, total_tokens = t.input + t.output,
    prompt_tokens_details = { cached_tokens = t.cached, cache_write_tokens = t.written > 0 and t.written or nil } })
end

local function openai_calls(t, with_index)
  local list = {}
  for i, call in ipairs(t.calls or {}) do
    list[i] = { index = with_index and i - 1 or nil, id = call[1], type = "function", ["function"] = { name = call[2], arguments = call[3] } }
  end
  return #list > 0 and list or nil
end

function openai.whole(t)
  return edited(t, { id = "chatcmpl-1", object = "chat.completion", created = 1, model = t.model,
    choices = { { index = 0, finish_reason = t.finish or t.calls and "tool_calls" or "stop",
      message = { role = "assistant", content = t.content or not t.calls and t.text or null, refusal = t.refusal or null,
        tool_calls = openai_calls(t) } } },
    usage = openai.usage(t) })
end

function openai.event(value) return "data: " .. json.encode(value) .. "\n\n" end

function openai.delta(delta, finish, usage)
  return { id = "c", object = "chat.completion.chunk", created = 1, model = "m", usage = usage or null,
    choices = { { index = 0, delta = delta, finish_reason = finish or null } } }
end

function openai.pieces(t)
  local out = {}
  local function add(value) out[#out + 1] = "data: " .. edited(t, value) .. "\n\n" end
  local so_far = t.every_usage and { prompt_tokens = t.input, completion_tokens = t.excess and t.output or 1,
    total_tokens = t.input + (t.excess and t.output or 1) } or nil
  add(openai.delta({ role = "assistant", content = "" }, nil, so_far))
  if t.content then
    add(openai.delta({ content = t.content }))
  elseif t.refusal and t.refusal ~= "" then
    add(openai.delta({ refusal = t.refusal }))
  elseif not t.calls then
    for _, word in ipairs(t.words) do add(openai.delta({ content = word }, nil, so_far)) end
  end
  for _, call in ipairs(openai_calls(t, true) or {}) do add(openai.delta { tool_calls = { call } }) end
  if t.errors then out[#out + 1] = openai.event(t.errors) end
  if not t.no_finish then
    add(openai.delta({}, t.finish or t.calls and "tool_calls" or "stop", (t.usage_in_finish or t.every_usage) and openai.usage(t) or nil))
    if not t.usage_in_finish then add { id = "c", choices = json.array {}, usage = openai.usage(t) or null } end
  end
  if not t.no_end then out[#out + 1] = "data: [DONE]\n\n" end
  return with_extra(t, out)
end

function openai.failure(message, kind, code)
  return { error = { message = message, type = kind or "invalid_request_error", param = null, code = code or null } }
end

-- ---- Anthropic -------------------------------------------------------------

local anthropic = replies.anthropic
anthropic.kind = "text/event-stream"

function anthropic.usage(t)
  return usage_or(t, { input_tokens = t.input - t.cached - t.written, output_tokens = t.output, cache_read_input_tokens = t.cached,
    cache_creation_input_tokens = t.written, cache_creation = t.written_1h > 0 and
      { ephemeral_5m_input_tokens = t.written - t.written_1h, ephemeral_1h_input_tokens = t.written_1h } or null })
end

local anthropic_finish = { stop = "end_turn", length = "max_tokens", tool_calls = "tool_use", content_filter = "refusal" }

local function anthropic_reason(t)
  return t.finish and (anthropic_finish[t.finish] or t.finish) or t.calls and "tool_use" or "end_turn"
end

function anthropic.whole(t)
  local blocks = json.array {}
  if t.content then blocks = t.content elseif not t.calls then blocks[1] = { type = "text", text = t.text } end
  for _, call in ipairs(t.calls or {}) do
    blocks[#blocks + 1] = { type = "tool_use", id = call[1], name = call[2], input = json.decode(call[3]) or call[3] }
  end
  return edited(t, { id = "msg_1", type = "message", role = "assistant", model = t.model, content = blocks,
    stop_reason = anthropic_reason(t), stop_sequence = null, usage = anthropic.usage(t) })
end

function anthropic.event(value) return ("event: %s\ndata: %s\n\n"):format(value.type, json.encode(value)) end

function anthropic.pieces(t)
  local out, index = {}, 0
  local function add(value) out[#out + 1] = ("event: %s\ndata: %s\n\n"):format(value.type, edited(t, value)) end
  local usage = anthropic.usage(t)
  local first = type(usage) == "table" and { output_tokens = 1 } or nil
  for key, count in pairs(first and usage or {}) do
    if type(key) == "string" and key ~= "output_tokens" then first[key] = count end
  end
  if first and t.excess then first.output_tokens = t.output end
  add { type = "message_start", message = { type = "message", role = "assistant", model = t.model, content = json.array {}, usage = first or usage } }
  local function block(start, deltas)
    add { type = "content_block_start", index = index, content_block = start }
    for _, delta in ipairs(deltas) do add { type = "content_block_delta", index = index, delta = delta } end
    add { type = "content_block_stop", index = index }
    index = index + 1
  end
  if not t.calls then
    local deltas = {}
    for i, word in ipairs(t.words) do deltas[i] = { type = "text_delta", text = word } end
    block({ type = "text", text = "" }, deltas)
  end
  for _, call in ipairs(t.calls or {}) do
    block({ type = "tool_use", id = call[1], name = call[2], input = {} }, { { type = "input_json_delta", partial_json = "" },
      { type = "input_json_delta", partial_json = call[3] } })
  end
  if t.errors then out[#out + 1] = anthropic.event(t.errors) end
  if not t.no_finish then
    local counted = type(usage) == "table" and { output_tokens = usage.output_tokens } or usage
    add { type = "message_delta", delta = { stop_reason = anthropic_reason(t), stop_sequence = null }, usage = counted or null }
  end
  if not t.no_end then add { type = "message_stop" } end
  return with_extra(t, out)
end

function anthropic.failure(message, kind) return { type = "error", error = { type = kind or "invalid_request_error", message = message } } end

-- ---- Ollama ----------------------------------------------------------------

local ollama = replies.ollama
ollama.kind = "application/x-ndjson"

function ollama.usage(t)
  return usage_or(t, { prompt_eval_count = t.input, prompt_eval_cached_count = t.cached > 0 and t.cached or nil, eval_count = t.output })
end

local function ollama_calls(t)
  local list = {}
  for i, call in ipairs(t.calls or {}) do
    list[i] = { id = call[1], ["function"] = { name = call[2], arguments = json.decode(call[3]) or call[3] } }
  end
  return #list > 0 and list or nil
end

local function last_line(t, message)
  local line = { model = t.model, message = message, done = not t.no_end, done_reason = t.finish or "stop", total_duration = 5 }
  local usage = ollama.usage(t)
  for key, value in pairs(type(usage) == "table" and usage or {}) do line[tostring(key)] = value end
  return line
end

function ollama.whole(t)
  return edited(t, last_line(t, { role = "assistant", content = t.content or not t.calls and t.text or "", tool_calls = ollama_calls(t) }))
end

function ollama.event(value) return json.encode(value) .. "\n" end

function ollama.pieces(t)
  local out = {}
  local function add(value) out[#out + 1] = edited(t, value) .. "\n" end
  if t.content then
    add { message = { content = t.content }, done = false }
  elseif not t.calls then
    for _, word in ipairs(t.words) do add { model = t.model, message = { role = "assistant", content = word }, done = false } end
  end
  for _, call in ipairs(ollama_calls(t) or {}) do add { message = { content = "", tool_calls = { call } }, done = false } end
  if t.errors then out[#out + 1] = ollama.event(t.errors) end
  if not t.no_end then add(last_line(t, { role = "assistant", content = "" })) end
  return with_extra(t, out)
end

function ollama.failure(message) return { error = message } end

return replies
