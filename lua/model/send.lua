--- One request to a provider and its reply: an answer, or a failure that says what it means
--- for the money.
--
-- A failure is { code, message, charge = "none" | "unknown", sent, began (bytes of a reply
-- came), status, headers, text (the part of a stream that came), said_text, usage,
-- request_id, adapted }. "none": the other side charges nothing; "unknown": it may.
local http = require "http"
local loop = require "loop"
local ndjson = require "ndjson"
local pieces = require "pieces"
local sse = require "sse"
local wire = require "model.wire"

local send = {}

-- Bytes of a reply in one piece; a stream is read as it comes, and has some hundred bytes
-- of wrapping for each token.
local whole_limit = 4 << 20

local function body_limit(asked)
  return asked.on_text and math.max(2 * whole_limit, asked.max_tokens * 2048) or whole_limit
end

--- Nothing of a key may get into a message: servers like to quote what they were sent.
function send.clean(entry, text)
  text = tostring(text):gsub("[%c]+", " ")
  -- a header may hold any bytes
  if not utf8.len(text) then text = text:gsub("[\x80-\xff]", "?") end
  -- in one reading: who knows the key may send it a hundred thousand times
  if #entry.key >= 4 then text = text:gsub(entry.key:gsub("%W", "%%%0"), "***") end
  text = text:gsub("sk%-[%w_%-*.]+", "***")
  if #text > 300 then text = text:sub(1, (utf8.offset(text, 0, 297) or 297) - 1) .. "..." end
  return text
end

local clean = send.clean

--- The id that the server gave the request, when it is one to keep.
local function request_id(entry, headers)
  local id = headers["x-request-id"] or headers["request-id"]
  if not id or #id > 200 or id:find("[^ -~]") then return nil end
  if #entry.key < 4 then return id end
  return clean(entry, id)
end

local by_outcome = { bad_url = "invalid_request", connect = "connection_lost", tls = "connection_lost",
  timeout = "timeout", lost = "connection_lost", cut = "connection_lost", too_large = "too_large",
  protocol = "bad_response", ["local"] = "connection_lost", cancelled = "cancelled" }

local function transport_failure(entry, message, outcome, detail, stream)
  local code = by_outcome[outcome] or "connection_lost"
  if stream and detail.begun and (outcome == "cut" or outcome == "timeout") then code = "stream_cut" end
  return { code = code, message = clean(entry, message), sent = detail.sent, began = detail.begun,
    tls = outcome == "tls", charge = detail.sent and "unknown" or "none" }
end

--- Statuses after which a provider may have done, and may charge, the work.
local function charge_of(status)
  if status == 504 or status >= 200 and status < 300 then return "unknown" end
  return "none"
end

local function is_json(headers)
  local kind = headers["content-type"]
  return kind == nil or kind:lower():find("json", 1, true) ~= nil
end

--- Whether another try may fit this server, by what it says to a request that was made with
-- `used` of its traits; others may have learned more of it meanwhile. Traits are never
-- changed, only replaced: who is on the way keeps those that it had.
local function adapted(entry, used, reply, asked)
  local learned = {}
  for name, value in pairs(used) do learned[name] = value end
  if not entry.dialect.adapt(learned, reply.status, reply.body, asked) then return false end
  for name, value in pairs(entry.traits) do
    if learned[name] == nil then learned[name] = value end
  end
  entry.traits = learned
  return true
end

local function status_failure(entry, asked, reply, used)
  local decoded = wire.decode(reply.body)
  local code, message = entry.dialect.failure(reply.status, decoded)
  if reply.status >= 300 and reply.status < 400 then code, message = "bad_response", "it answers with a redirect" end
  return { code = code, message = clean(entry, message), status = reply.status, headers = reply.headers, sent = true,
    began = true, charge = charge_of(reply.status),
    adapted = adapted(entry, used, reply, asked) }
end

local function whole_answer(entry, reply)
  local failure = { status = reply.status, headers = reply.headers, sent = true, began = true, charge = "unknown" }
  local decoded = is_json(reply.headers) and wire.decode(reply.body)
  if type(decoded) ~= "table" then
    failure.code, failure.message = "bad_response", reply.body == "" and "the reply is empty"
      or is_json(reply.headers) and "the reply is not whole JSON" or "the reply is not JSON but "
      .. clean(entry, reply.headers["content-type"])
    return nil, failure
  end
  local answer, message, code, usage = entry.dialect.reply(decoded)
  if answer then return answer end
  failure.code, failure.message, failure.usage = code, clean(entry, message), usage
  return nil, failure
end

-- ---- streams ---------------------------------------------------------------------

--- Feeds the pieces of a streamed reply; `stream.failure` is set when it goes wrong, and
--- the request is then given up.
local function new_stream(entry, asked, give_up)
  local stream = { joined = entry.dialect.stream(), said = false }
  local wanted = entry.dialect.stream_kind
  local function is_stream(status, headers)
    return status == 200 and (headers["content-type"] or ""):lower():find(wanted, 1, true) ~= nil
  end
  local parser = (wanted == "ndjson" and ndjson or sse).new(function(event)
    if stream.failure then return end
    local text, message, code = stream.joined.event(event)
    if not text then
      stream.failure = { code = code, message = clean(entry, message) }
    elseif text ~= "" then
      stream.said = true
      asked.on_text(text)
    end
  end)
  function stream.take(piece, status, headers)
    if stream.failure then return end
    if not is_stream(status, headers) then
      stream.other = stream.other or pieces.new(whole_limit)
      if not stream.other:add(piece) then
        stream.failure = { code = "too_large", message = "the reply's body is too large" }
        give_up()
      end
      return
    end
    local ok, message, code = parser:feed(piece)
    if not ok then stream.failure = stream.failure or { code = code, message = message } end
    if stream.failure then give_up() end
  end
  function stream.finish()
    if parser.finish and not stream.failure then parser:finish() end
  end
  --- What came that is no stream: an answer in one piece, or an error's page; else nil.
  function stream.body(reply)
    if is_stream(reply.status, reply.headers) and not stream.other then return nil end
    return stream.other and stream.other:take("", 1, 0) or ""
  end
  --- What came so far, when its end marker came, too: then the answer is whole, whatever
  -- became of the connection.
  function stream.ended()
    if stream.failure or stream.other then return nil end
    return (stream.joined.answer())
  end
  return stream
end

local function stream_answer(entry, asked, stream, reply)
  local body = stream.body(reply)
  if body then
    reply.body = body
    local answer, failure = whole_answer(entry, reply)
    if answer and answer.text ~= "" then asked.on_text(answer.text) end
    return answer, failure
  end
  stream.finish()
  local answer, message, code, usage, text, told = stream.joined.answer()
  local failure = stream.failure
  if not failure and answer then return answer end
  failure = failure or { code = code, message = message }
  -- what failed behind the end marker is kept, too
  failure.usage, failure.text, failure.said_text = usage, answer and answer.text or text, stream.said
  failure.told = answer and answer.usage or told
  failure.status, failure.headers, failure.sent, failure.began, failure.charge = 200, reply.headers, true, true, "unknown"
  return nil, failure
end

--- What a stream had said when it was cut, in its failure.
local function keep_part(stream, failure)
  failure.said_text = stream.said
  if stream.said then failure.text, failure.told = select(5, stream.joined.answer()) end
  return failure
end

-- ---- sending -----------------------------------------------------------------------

--- The prepared request of an entry for this address; whole and streamed ones differ in
-- their headers.
local function prepared(entry, asked, url, headers)
  local kept, kind = entry.prepared, asked.on_text and "streamed" or "whole"
  local one = kept[kind]
  if not one or one.url ~= url then
    one = http.prepared { url = url, method = "POST", headers = headers, ca_file = entry.ca_file,
      limits = { connect_ms = entry.connect_ms, first_byte_ms = entry.first_byte_ms, stall_ms = entry.stall_ms } }
    kept[kind] = one
  end
  return one
end

--- Send what the dialect made of `asked` by the traits `used` and read the reply, within
-- total_ms. `token`, when the caller gave one, can end it early. Returns an answer, or nil
-- and a failure.
function send.once(entry, asked, used, url, headers, body, total_ms, token)
  if entry.dialect.at_hand then return entry.dialect.reply(asked, entry) end
  local call, give_up
  local stream, on_data
  if asked.on_text then
    stream = new_stream(entry, asked, function() give_up("the stream went wrong") end)
    local raw_header, parsed
    function on_data(piece, status, text)
      if text ~= raw_header then raw_header, parsed = text, http.parse_header(text) end
      stream.take(piece, status, parsed)
    end
  end
  local raw = loop.await(function(wake)
    local message, code
    call, message, code = http.send(prepared(entry, asked, url, headers), body, math.ceil(total_ms), body_limit(asked), wake, on_data)
    if not call then
      return wake { outcome = code == "input" and "bad_url" or "local", message = message, sent = false, begun = false }
    end
    if not (stream or token) then return end
    function give_up(why)
      call:cancel()
      wake { outcome = "cancelled", message = why, sent = true, begun = true }
    end
    if token then token.give_up = give_up end
  end)
  if token then token.give_up = nil end
  if raw.outcome ~= "ok" then
    local id = raw.header and raw.header ~= "" and request_id(entry, http.parse_header(raw.header)) or nil
    local whole = stream and stream.ended()
    if whole then
      whole.request_id = id
      return whole
    end
    local failure = stream and stream.failure
    if failure then
      failure.status, failure.sent, failure.began, failure.charge = 200, true, true, "unknown"
    else
      failure = transport_failure(entry, raw.message, raw.outcome, raw, stream)
    end
    failure.request_id = id
    return nil, stream and keep_part(stream, failure) or failure
  end
  local reply = http.reply(raw)
  local id = request_id(entry, reply.headers)
  if reply.status < 200 or reply.status >= 300 then
    if stream then reply.body = stream.body(reply) or "" end
    local failure = status_failure(entry, asked, reply, used)
    failure.request_id = id
    return nil, failure
  end
  local answer, failure
  if stream then answer, failure = stream_answer(entry, asked, stream, reply) else answer, failure = whole_answer(entry, reply) end
  (answer or failure).request_id = id
  return answer, failure
end

return send
