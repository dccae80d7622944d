--- The dialect of Anthropic's Messages (see openai.lua for what a dialect is).
-- `base_url` is the server's address without /v1.
local calls = require "model.calls"
local wire = require "model.wire"

local present, field, text, list, number = wire.present, wire.field, wire.text, wire.list, wire.number

local anthropic = { stream_kind = "event-stream", default_url = "https://api.anthropic.com" }

local stops = { end_turn = "end", stop_sequence = "end", max_tokens = "length", model_context_window_exceeded = "length",
  tool_use = "tools", pause_turn = "paused", refusal = "filtered" }

-- ---- asking --------------------------------------------------------------------

--- Ids are letters, digits, _ and - there; those that other servers made may not be.
local function id_of(id) return (id:gsub("[^%w_-]", "_")) end

local function text_block(content) return { type = "text", text = content } end

local function call_blocks(message)
  local blocks = {}
  -- a block without text is refused
  if message.content ~= "" then blocks[1] = text_block(message.content) end
  for _, call in ipairs(message.calls) do
    blocks[#blocks + 1] = { type = "tool_use", id = id_of(call.id), name = call.name, input = call.args }
  end
  return blocks
end

--- The messages, and the texts of the system's, which are a field of their own there.
-- All results of a turn are in one message of the user's, and what the user then says
-- stands behind them.
local function messages_of(asked)
  local messages, system, results = {}, {}, nil
  for _, message in ipairs(asked.messages) do
    if message.role == "tool" then
      if not results then
        results = {}
        messages[#messages + 1] = { role = "user", content = results }
      end
      results[#results + 1] = { type = "tool_result", tool_use_id = id_of(message.call), content = message.content,
        is_error = message.failed }
    elseif message.role == "user" and results then
      if message.content ~= "" then results[#results + 1] = text_block(message.content) end
    elseif message.role == "user" or message.role == "assistant" then
      results = nil
      messages[#messages + 1] = { role = message.role, content = message.calls and call_blocks(message) or message.content }
    else
      table.insert(system, message.content)
    end
  end
  return messages, system
end

local choices = { auto = "auto", none = "none", required = "any" }

local function add_tools(body, asked)
  body.tools = {}
  for i, tool in ipairs(asked.tools) do
    body.tools[i] = { name = tool.name, description = tool.about, input_schema = tool.input }
  end
  local choice = asked.tool_choice
  local one_only = asked.parallel_tools == false and choice ~= "none" or nil
  if choice or one_only then
    body.tool_choice = choices[choice or "auto"] and { type = choices[choice or "auto"] } or { type = "tool", name = choice }
    body.tool_choice.disable_parallel_tool_use = one_only
  end
end

function anthropic.request(asked, entry, traits)
  local messages, system = messages_of(asked)
  if asked.schema ~= nil and traits.plain_schema then table.insert(system, 1, wire.instruction(asked.schema)) end
  if asked.system then table.insert(system, 1, asked.system) end
  local body = { model = entry.model, messages = messages, max_tokens = asked.max_tokens, temperature = asked.temperature,
    top_p = asked.top_p, stop_sequences = asked.stop, stream = asked.on_text and true or nil,
    system = #system > 0 and table.concat(system, "\n\n") or nil }
  local output = {}
  if asked.schema ~= nil and not traits.plain_schema then output.format = { type = "json_schema", schema = asked.schema } end
  if not traits.no_effort then output.effort = asked.effort end
  body.output_config = next(output) and output or nil
  if asked.tools then add_tools(body, asked) end
  return wire.url(entry.base_url, "/v1/messages"), { ["content-type"] = "application/json",
    ["x-api-key"] = entry.key, ["anthropic-version"] = "2023-06-01" }, body
end

--- A 400 may only mean that the model is older than a field.
function anthropic.adapt(traits, status, body, asked)
  if status ~= 400 then return false end
  if asked.effort and not traits.no_effort and body:find("effort", 1, true) then
    traits.no_effort = true
    return true
  end
  if asked.schema == nil or traits.plain_schema then return false end
  if not body:find("output_config", 1, true) and not body:find("json_schema", 1, true) then return false end
  traits.plain_schema = true
  return true
end

-- ---- hearing -------------------------------------------------------------------

--- What a usage tells, and nothing else of it. Counts are running sums in a stream: what
-- a later one tells overrules the `earlier`.
local function counts_of(raw, earlier)
  if type(raw) ~= "table" then return earlier end
  local told = { fresh = number(raw, "input_tokens"), output = number(raw, "output_tokens"),
    cached = number(raw, "cache_read_input_tokens"), written = number(raw, "cache_creation_input_tokens"),
    short = number(raw, "cache_creation", "ephemeral_5m_input_tokens"),
    hour = number(raw, "cache_creation", "ephemeral_1h_input_tokens"),
    reasoning = number(raw, "output_tokens_details", "thinking_tokens") }
  for name, count in pairs(earlier or {}) do
    if told[name] == nil then told[name] = count end
  end
  return told
end

--- input_tokens does not count what was cached there; ours is the whole prompt. Of what was
-- written, a split that tells less than the whole leaves a rest, which is short.
local function usage_of(counts, said)
  if not counts or counts.fresh == nil then return nil end
  local of = {}
  for _, name in ipairs { "fresh", "cached", "written", "short", "hour" } do
    of[name] = counts[name] == nil and 0 or counts[name]
    if math.type(of[name]) ~= "integer" or of[name] < 0 or of[name] > 1 << 40 then return nil end
  end
  local written = math.max(of.written, of.short + of.hour)
  return wire.usage({ input = of.fresh + written + of.cached, output = counts.output, cached = of.cached, written = written,
    written_1h = of.hour, reasoning = counts.reasoning }, said)
end

--- An answer, or why what came is none.
local function answer_of(texts, told, reason, name, usage)
  local whole, stop = table.concat(texts), stops[reason or 0]
  if not stop then return nil, "the reply does not say why it ended", "bad_response", usage end
  if #texts == 0 and #told == 0 and stop == "end" then return nil, "the reply has no text", "bad_response", usage end
  return calls.give({ text = whole, stop = stop, model = wire.name(name), usage = usage }, told)
end

function anthropic.reply(decoded)
  if decoded.type == "error" then
    local code, message = anthropic.failure(200, decoded)
    return nil, message, code
  end
  local content, texts, told = present(decoded.content), {}, {}
  for _, block in ipairs(list(content)) do
    local kind = field(block, "type")
    if kind == "text" and text(block.text) then texts[#texts + 1] = block.text end
    if kind == "tool_use" then told[#told + 1] = { id = present(block.id), name = present(block.name), args = present(block.input) } end
  end
  local usage = usage_of(counts_of(present(decoded.usage)), #texts + #told > 0)
  if type(content) ~= "table" then return nil, "the reply has no content", "bad_response", usage end
  return answer_of(texts, told, present(decoded.stop_reason), decoded.model, usage)
end

local by_type = {
  invalid_request_error = "invalid_request", authentication_error = "auth", billing_error = "quota",
  permission_error = "auth", not_found_error = "invalid_request", request_too_large = "context_length",
  rate_limit_error = "rate_limited", api_error = "server_error", timeout_error = "timeout", overloaded_error = "overloaded",
}

function anthropic.failure(status, decoded)
  local message = text(field(decoded, "error", "message")) or ("status %d"):format(status)
  local code = by_type[field(decoded, "error", "type") or 0] or wire.code_of(status)
  if code == "invalid_request" and status >= 400 then code = wire.code_of(status) end
  if code == "invalid_request" and (message:find("prompt is too long", 1, true) or message:find("exceed context limit", 1, true)) then
    code = "context_length"
  end
  return code, message
end

-- ---- streams --------------------------------------------------------------------

local deltas = {}

function deltas.text_delta(stream, _, delta)
  local piece = text(present(delta.text)) or ""
  stream.texts[#stream.texts + 1] = piece
  return piece
end

--- Pieces of a text that is JSON once it is whole.
function deltas.input_json_delta(stream, index, delta)
  local piece, block = text(present(delta.partial_json)), stream.blocks[index]
  if piece and block then table.insert(block.pieces, piece) end
  return piece or "", true
end

local events = {}

function events.message_start(stream, chunk)
  stream.model = field(chunk, "message", "model")
  stream.counts = counts_of(field(chunk, "message", "usage"), stream.counts) or {}
  -- that output is of the first token; message_delta tells all of it
  stream.first_output, stream.counts.output = stream.counts.output, nil
end

function events.message_delta(stream, chunk)
  stream.finish = text(field(chunk, "delta", "stop_reason")) or stream.finish
  stream.counts = counts_of(present(chunk.usage), stream.counts)
end

function events.message_stop(stream) stream.done = true end

function events.content_block_start(stream, chunk, bytes)
  local block = field(chunk, "content_block")
  local kind = field(block, "type")
  if kind ~= "tool_use" and kind ~= "text" then return "" end
  local room, message, code = stream.take(bytes)
  if not room then return nil, message, code end
  if kind == "tool_use" then
    local call = { id = present(block.id), name = present(block.name), input = calls.packed(present(block.input)), pieces = {} }
    stream.blocks[present(chunk.index) or -1] = call
    table.insert(stream.order, call)
    if #stream.order > calls.most then return nil, ("the reply has more than %d tool calls"):format(calls.most), "bad_response" end
    return ""
  end
  return deltas.text_delta(stream, nil, block)
end

function events.content_block_delta(stream, chunk)
  local delta = field(chunk, "delta")
  local kind = deltas[field(delta, "type") or 0]
  if not kind then return "" end
  local piece, silent = kind(stream, present(chunk.index) or -1, delta)
  local room, message, code = stream.take(piece)
  if not room then return nil, message, code end
  return silent and "" or piece
end

local function joined_calls(stream)
  local told = {}
  for i, call in ipairs(stream.order) do
    told[i] = { id = call.id, name = call.name, args = #call.pieces > 0 and table.concat(call.pieces) or call.input }
  end
  return told
end

function anthropic.stream()
  local stream = { texts = {}, blocks = {}, order = {}, take = wire.meter() }

  function stream.event(event)
    if stream.done then return "" end
    local chunk = wire.decode(event.data)
    if type(chunk) ~= "table" then return nil, "the stream has an event that is not JSON", "bad_response" end
    local kind = text(present(chunk.type)) or event.event or ""
    if kind == "error" then
      local code, message = anthropic.failure(200, chunk)
      return nil, message, code
    end
    -- what we do not know may be left out
    if not events[kind] then return "" end
    local piece, message, code = events[kind](stream, chunk, event.data)
    if message then return nil, message, code end
    return piece or ""
  end

  function stream.answer()
    local told = joined_calls(stream)
    local said = #stream.texts + #told > 0
    local counts = stream.counts
    local usage = usage_of(counts, said)
    if not stream.done then
      local so_far = counts and counts_of({ output_tokens = counts.output or stream.first_output }, counts)
      -- what was counted before the cut is not all that will be charged
      return nil, "the stream ended before the answer did", "stream_cut", nil, table.concat(stream.texts),
        usage_of(so_far, said)
    end
    local answer, message, code = answer_of(stream.texts, told, stream.finish, stream.model, usage)
    if answer then return answer end
    return nil, message, code, usage, table.concat(stream.texts), usage
  end

  return stream
end

return anthropic
