--- A model server that fails in a hundred ways and keeps exact books.
--
--     build/keel lua spec/support/fault_server.lua [--port 0]
--
-- Prints "listening PORT" and speaks OpenAI's chat completions (.../chat/completions) and
-- embeddings, Anthropic's messages and Ollama's chat. The model of a request says what
-- happens to it: "fault:NAME", any other is answered. Names are the keys of `faults`
-- below. Those made by `once` fail for each second request only, so that a client which
-- asks again is answered. Control, from specs only:
--   GET  /_books    what was asked and billed since the last look: per request
--                   { api, stream, model, billed, known, input, output, cached, written,
--                   written_1h }. Billed is a whole 2xx, any token that was delivered,
--                   and (the worst that can be true) what was lost on the way; no 4xx
--                   and no 5xx but 504. Known is a bill that the reply told rightly.
--   GET  /_names    the names
--   POST /_quit
local json = require "json"
local replies = require "spec.support.replies"
local sockets = require "spec.support.sockets"

local send, sleep, reset, close = sockets.send, sockets.sleep, sockets.reset, sockets.close

local books, seen, faults = {}, {}, {}
local quit = false

local words = { "Hello", ", ", "w\u{f6}", "rld", " \u{1f600}." }

--- What a right answer is made of, with changes.
local function truth(q, changes)
  local t = { words = words, text = table.concat(words), model = q.asked.model, input = 20, output = 7, cached = 4, written = 3, written_1h = 0 }
  if q.api == "ollama" then t.written = 0 end
  if q.api == "anthropic" then t.written_1h = 2 end
  for key, value in pairs(changes or {}) do t[key] = value end
  return t
end

local function bill(t)
  return { input = t.input, output = t.output, cached = t.cached, written = t.written, written_1h = t.written_1h }
end

--- A right answer, with changes of `truth` and of the reply around it.
local function answer(q, changes, more)
  local t = truth(q, changes)
  local thing = { status = 200, headers = { ["content-type"] = "application/json" }, bill = bill(t), known = not (q.stream and t.no_finish) and t.usage ~= false }
  if q.stream then
    thing.headers["content-type"] = replies[q.api].kind
    thing.pieces = replies[q.api].pieces(t)
    thing.body = table.concat(thing.pieces)
  else
    thing.body = replies[q.api].whole(t)
  end
  for key, value in pairs(more or {}) do thing[key] = value end
  return thing
end

local function refusal(q, status, message, kind, code, headers)
  local thing = { status = status, headers = { ["content-type"] = "application/json" },
    body = json.encode(replies[q.api].failure(message or "refused", kind, code)), bill = false }
  for name, value in pairs(headers or {}) do thing.headers[name] = value end
  return thing
end

local function once(fault)
  return function(q) return q.n % 2 == 1 and fault(q) or answer(q) end
end

-- ---- statuses --------------------------------------------------------------

local kinds = { [401] = "authentication_error", [403] = "permission_error", [404] = "not_found_error", [413] = "request_too_large",
  [429] = "rate_limit_error", [500] = "api_error", [504] = "timeout_error", [529] = "overloaded_error" }

local function status(number, headers, message)
  return function(q)
    local thing = refusal(q, number, message, kinds[number], nil, headers)
    if number == 504 then thing.bill, thing.known = bill(truth(q)), false end
    return thing
  end
end

for _, number in ipairs { 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529 } do
  faults["status_" .. number] = status(number)
end

local waits = {
  seconds = { ["retry-after"] = "2" }, fraction = { ["retry-after"] = "1.5" }, ms = { ["retry-after-ms"] = "30" },
  both = { ["retry-after"] = "9", ["retry-after-ms"] = "40" }, zero = { ["retry-after"] = "0" }, garbage = { ["retry-after"] = "soon" },
  negative = { ["retry-after"] = "-5" }, empty = { ["retry-after"] = "" }, past = { ["retry-after"] = "Wed, 21 Oct 2015 07:28:00 GMT" },
  long = { ["retry-after"] = "61" }, endless = { ["retry-after"] = "1e300" },
}
for name, headers in pairs(waits) do faults["retry_after_" .. name] = once(status(429, headers)) end
faults.retry_after_date = once(function(q)
  return status(429, { ["retry-after"] = os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 20) })(q)
end)
faults.once_503 = once(status(503))
faults.should_retry = once(status(400, { ["x-should-retry"] = "true" }))
faults.should_not_retry = once(status(500, { ["x-should-retry"] = "false" }))
faults.rate_headers = function(q)
  local thing = answer(q)
  for name, value in pairs { ["x-ratelimit-remaining-tokens"] = "0", ["x-ratelimit-reset-tokens"] = "6m0s", ["retry-after"] = "soon" } do
    thing.headers[name] = value
  end
  return thing
end

function faults.quota(q) return refusal(q, q.api == "openai" and 429 or 402, "no money", "billing_error", "insufficient_quota") end

function faults.context(q)
  local message = ({ openai = "too long", anthropic = "prompt is too long: 9 tokens > 8 maximum", ollama = "input exceeds the context length" })[q.api]
  return refusal(q, 400, message, nil, "context_length_exceeded")
end

function faults.context_words(q)
  local message = ({ openai = "This model's maximum context length is 8 tokens",
    anthropic = "input length and `max_tokens` exceed context limit: 9 + 8 > 10", ollama = "the Context Length was exceeded" })[q.api]
  return refusal(q, 400, message)
end

function faults.filter_400(q) return refusal(q, 400, "policy", "content_filter", "content_filter") end

local function odd_body(number, body, kind)
  return function() return { status = number, headers = { ["content-type"] = kind or "application/json" }, body = body, bill = false } end
end

faults.html_502 = odd_body(502, "<html><h1>Bad Gateway</h1></html>", "text/html")
faults.html_403 = odd_body(403, "<html>Blocked by a proxy</html>", "text/html")
faults.empty_500 = odd_body(500, "")
faults.array_500 = odd_body(500, "[1,2]")
faults.null_400 = odd_body(400, "null")
faults.error_null_400 = odd_body(400, '{"error":null}')
faults.error_number_400 = odd_body(400, '{"error":7}')
faults.error_list_400 = odd_body(400, '{"error":[{"message":{"a":1}}],"type":[]}')
faults.error_odd_400 = odd_body(400, '{"error":{"message":{"a":1},"type":["x"],"code":{"y":2}}}')
faults.broken_json_500 = odd_body(500, '{"error":{"mess')
faults.invalid_utf8_500 = odd_body(500, '{"error":{"message":"\xff\xfe"}}')
faults.control_500 = odd_body(500, '{"error":{"message":"\\u001b[2J\\u0000\\u0007 boo"}}')
faults.long_message_400 = odd_body(400, '{"error":{"message":"' .. ("\u{e9}"):rep(100000) .. '"}}')
for _, number in ipairs { 301, 302, 307, 308 } do
  faults["redirect_" .. number] = function(q)
    return { status = number, headers = { location = "http://" .. q.host .. "/elsewhere" }, body = "", bill = false }
  end
end
function faults.redirect_loop(q) return { status = 302, headers = { location = "http://" .. q.host .. q.path }, body = "", bill = false } end
function faults.secret_401(q) return refusal(q, 401, "Incorrect API key provided: " .. q.key .. ". See /keys.", kinds[401]) end
function faults.secret_500(q) return { status = 500, headers = {}, body = "Bearer " .. q.key, bill = false } end
function faults.secret_in_200(q)
  return { status = 200, headers = { ["content-type"] = "application/json" }, body = json.encode(replies[q.api].failure(q.key .. "?" .. q.key)),
    bill = bill(truth(q)), known = false }
end

-- ---- bodies that are none --------------------------------------------------

--- A 200 with this body, or this text as one event of a stream.
local function garbage(body, kind)
  return function(q)
    local thing = answer(q, nil, { known = false })
    thing.body = type(body) == "function" and body(thing.body) or body
    if q.stream and not kind then
      local pieces = replies[q.api].pieces(truth(q))
      table.insert(pieces, 2, (q.api == "ollama" and "" or "data: ") .. (type(body) == "function" and body(pieces[1]:gsub("^.-data: ", ""):gsub("%s+$", "")) or body)
        .. (q.api == "ollama" and "\n" or "\n\n"))
      thing.body = table.concat(pieces)
    end
    thing.pieces, thing.headers["content-type"] = nil, kind or thing.headers["content-type"]
    return thing
  end
end

faults.html_200 = garbage("<html>Sign in</html>", "text/html; charset=utf-8")
faults.html_200_as_json = garbage("<html>Sign in</html>")
faults.empty_200 = garbage("", "application/json")
faults.wrong_type = garbage(function(body) return body end, "text/plain")
faults.truncated_json = garbage(function(body) return body:sub(1, #body // 2) end)
faults.trailing_json = garbage(function(body) return body .. " x" end)
faults.number_200 = garbage("7")
faults.null_200 = garbage("null")
faults.text_200 = garbage('"hello"')
faults.array_200 = garbage("[]", "application/json")
faults.object_200 = garbage("{}", "application/json")
faults.deep = garbage(("["):rep(100000))
faults.deep_closed = garbage(("["):rep(3000) .. ("]"):rep(3000))
faults.twice_a_key = garbage('{"model":"a","model":"b"}')
faults.lone_surrogate = garbage(function(body) return (body:gsub("Hello", "\\ud800", 1):gsub('"role":"assistant"', '"role":"\\udc00"', 1)) end)
faults.bom_json = garbage(function(body) return "\u{feff}" .. body end, "application/json")
function faults.invalid_utf8(q)
  local thing = answer(q, nil, { known = false })
  thing.body, thing.pieces = thing.body:gsub("Hello", "H\xc3\x28"), nil
  return thing
end
function faults.overlong_utf8(q)
  local thing = answer(q, nil, { known = false })
  thing.body, thing.pieces = thing.body:gsub("Hello", "\xc0\xafHi"), nil
  return thing
end
function faults.huge_number(q) return answer(q, { edit = function(value) value.created = 1e308 return value end }) end

--- A body that goes on for n bytes.
local function flood(unit, n, first)
  return function(q)
    local thing = answer(q, nil, { known = false })
    thing.play = function(c, head)
      local block = unit:rep(math.max(1, 65536 // #unit))
      if not send(c, (head:gsub("content%-length: %d+\r\n", "")) .. (first or "")) then return end
      for _ = 1, n // #block do
        if not send(c, block) then return end
      end
      close(c)
    end
    return thing
  end
end

faults.big_body = flood("[1,2],", 64 << 20, '{"x":[')
faults.endless_line = flood("x", 64 << 20, "data: ")
faults.endless_event = flood("data: x\n", 64 << 20)
faults.endless_comments = flood(": x\n", 64 << 20)
faults.endless_text = function(q)
  local pieces = replies[q.api].pieces(truth(q, { words = { ("y"):rep(8000) } }))
  return flood(pieces[q.api == "ollama" and 1 or q.api == "openai" and 2 or 3], 64 << 20)(q)
end

--- An answer whose JSON is right and large: `unit` again and again beside what counts.
local function stuffed(unit, bytes)
  return function(q)
    return answer(q, nil, { body = '{"stuff":[' .. unit:rep(bytes // #unit) .. "0]," .. replies[q.api].whole(truth(q)):sub(2),
      headers = { ["content-type"] = "application/json" }, known = bytes < 1 << 20 })
  end
end
faults.stuffed = stuffed("[],", 120000)
faults.overstuffed = stuffed("[],", 30 << 20)

--- JSON that fills what a reply may hold with values that are dear to keep.
local function dear(unit)
  return function(q)
    return answer(q, nil, { body = "[" .. unit:rep((4 << 20) // #unit - 2) .. "0]", headers = { ["content-type"] = "application/json" }, known = false })
  end
end
faults.lists, faults.objects, faults.numbers = dear "[],", dear "{},", dear "0,"
function faults.long_text(q)
  return answer(q, { text = ("z,"):rep(2000000), finish = "content_filter" }, { known = false })
end

-- ---- transport -------------------------------------------------------------

--- The connection as the fault; what was asked may be charged.
local function transport(play, known)
  return function(q) return answer(q, nil, { play = play, known = known or false }) end
end

local function hang(c)
  repeat until not sockets.fill(c)
end

--- The status line and half a header.
local function head_begun(head) return head:match "^[^\r]*\r\n" .. "x-" end

local function half(head, body) return head .. body:sub(1, #body // 2) end

faults.reset = transport(function(c) reset(c) end)
faults.fin = transport(function(c) close(c) end)
faults.reset_once = once(faults.reset)
faults.fin_in_status_line = transport(function(c, head) send(c, head:sub(1, 9)) close(c) end)
faults.reset_in_head = transport(function(c, head) send(c, head_begun(head)) sleep(0.002) reset(c) end)
faults.fin_in_head = transport(function(c, head) send(c, head_begun(head)) close(c) end)
faults.reset_in_body = transport(function(c, head, body) send(c, half(head, body)) sleep(0.005) reset(c) end)
faults.cut = transport(function(c, head, body) send(c, half(head, body)) close(c) end)
faults.hang = transport(hang)
faults.stall = transport(function(c, head, body) send(c, half(head, body)) hang(c) end)
faults.stall_in_head = transport(function(c, head) send(c, head_begun(head)) hang(c) end)
faults.not_http = transport(function(c) send(c, "SSH-2.0-OpenSSH_9.2\r\n") close(c) end)
faults.bad_status_line = transport(function(c, head, body) send(c, (head:gsub("^HTTP/1.1 200", "HTTP/1.1 two")) .. body) close(c) end)
faults.endless_head = transport(function(c)
  send(c, "HTTP/1.1 200 OK\r\n")
  for i = 1, 100000 do
    if not send(c, ("X-%d: %s\r\n"):format(i, ("y"):rep(500))) then break end
  end
  close(c)
end)
faults.one_long_header = transport(function(c)
  send(c, "HTTP/1.1 200 OK\r\nX: ")
  for _ = 1, 4000 do
    if not send(c, ("y"):rep(4096)) then break end
  end
  close(c)
end)
faults.length_longer = transport(function(c, head, body)
  send(c, (head:gsub("(content%-length: )(%d+)", function(name, n) return name .. n + 10 end)) .. body)
  close(c)
end)
faults.length_shorter = transport(function(c, head, body)
  send(c, (head:gsub("(content%-length: )(%d+)", function(name, n) return name .. n // 2 end)) .. body)
  close(c)
end)
faults.length_negative = transport(function(c, head, body)
  send(c, (head:gsub("(content%-length: )(%d+)", "%1-5")) .. body)
  close(c)
end)

local function chunked(tail)
  return function(c, head, body, pieces)
    send(c, (head:gsub("content%-length: %d+", "transfer-encoding: chunked")))
    for _, piece in ipairs(pieces or { body:sub(1, 9), body:sub(10) }) do send(c, ("%x\r\n%s\r\n"):format(#piece, piece)) end
    send(c, tail)
    close(c)
  end
end
faults.chunked = transport(chunked("0\r\n\r\n"), true)
faults.chunked_no_end = transport(chunked(""))
faults.chunked_bad_size = transport(chunked("zz\r\n"))
faults.no_length = transport(function(c, head, body) send(c, (head:gsub("content%-length: %d+\r\n", "")) .. body) close(c) end, true)
faults.http_1_0 = transport(function(c, head, body)
  send(c, (head:gsub("HTTP/1.1", "HTTP/1.0"):gsub("content%-length: %d+\r\n", "")) .. body)
  close(c)
end, true)
faults.interim = transport(function(c, head, body)
  send(c, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" .. head .. body)
end, true)
faults.connection_close = transport(function(c, head, body) send(c, (head:gsub("\r\n", "\r\nconnection: close\r\n", 1)) .. body) close(c) end, true)
faults.slow_first = transport(function(c, head, body) sleep(0.01) send(c, head .. body) end, true)
-- all of the answer, and then neither an end nor more
faults.open_end = function(q)
  return answer(q, nil, { known = q.stream, play = function(c, head, body)
    send(c, (head:gsub("content%-length: %d+", "content-length: 99999")) .. body)
    hang(c)
  end })
end
faults.drip = transport(function(c, head, body)
  for byte in (head .. body):gmatch "." do
    if not send(c, byte) then return end
  end
end, true)
faults.dies_next = function(q)
  if q.c.served > 1 then return answer(q, nil, { play = function(c) reset(c) end, known = false }) end
  return answer(q)
end
faults.status_204 = function(q) return answer(q, nil, { status = 204, known = false, play = function(c) send(c, "HTTP/1.1 204 No Content\r\n\r\n") end }) end
faults.status_299 = function(q) return answer(q, nil, { status = 299, known = not q.stream }) end

-- ---- encodings -------------------------------------------------------------

local function gzip(command)
  local pipe = assert(io.popen(command .. " | gzip -1"))
  local out = pipe:read("a")
  pipe:close()
  return out
end

local function gzipped(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local out = gzip("cat " .. path)
  os.remove(path)
  return out
end

local function encoded(encode, known, name)
  return function(q)
    local thing = answer(q, nil, { known = known or false })
    thing.body, thing.pieces = encode(thing.body), nil
    thing.headers["content-encoding"] = name or "gzip"
    return thing
  end
end

local bomb
faults.gzip = encoded(gzipped, true)
faults.gzip_broken = encoded(function(body) return "\31\139" .. body end)
faults.gzip_cut = encoded(function(body)
  local packed = gzipped(body)
  return packed:sub(1, #packed // 2)
end)
faults.gzip_bomb = encoded(function()
  bomb = bomb or gzip "head -c 200000000 /dev/zero"
  return bomb
end)
faults.encoding_unknown = encoded(function(body) return body end, false, "frob")

-- ---- what an answer says ----------------------------------------------------

local function said(changes, more)
  return function(q) return answer(q, type(changes) == "function" and changes(q) or changes, more) end
end

faults.excess_output = said { output = 90000 }
faults.excess_all = said { input = 900000, output = 900000 }
faults.length = said { finish = "length" }
faults.filtered = said { finish = "content_filter" }
faults.refusal = said(function(q)
  return q.api == "openai" and { refusal = "I cannot help.", content = not q.stream and json.null or nil } or { finish = "content_filter" }
end)
-- a server that knows no schemas
function faults.no_schemas(q)
  local schema = q.asked.response_format or q.asked.output_config or q.asked.format
  if schema then return refusal(q, 400, "response_format, output_config and format are not known here") end
  return answer(q, { text = '{"n":1}' })
end
faults.refusal_odd = said(function(q)
  return q.api == "openai" and { refusal = "\27[2J No: " .. q.key .. ("!"):rep(5000), content = not q.stream and json.null or nil } or { finish = "content_filter" }
end)
faults.model_odd = said { model = "\27]0;mine\7" }
faults.model_long = said { model = ("m"):rep(100000) }
local function request_id(make)
  return function(q)
    local thing = answer(q)
    thing.headers["x-request-id"] = make(q)
    return thing
  end
end
faults.header_of_spaces = request_id(function() return "x" .. (" "):rep(50000) .. "x" end)
faults.many_headers = request_id(function() return ("a\r\nx-request-id: "):rep(3000) end)
function faults.secret_flood(q)
  return refusal(q, 401, (q.key .. " "):rep(150000), kinds[401])
end
function faults.content_type_odd(q)
  return answer(q, nil, { headers = { ["content-type"] = "text/\xff\xfe; x=" .. q.key .. ("y"):rep(2000) }, known = false })
end
function faults.content_type_none(q) return answer(q, nil, { headers = {}, known = not q.stream }) end
faults.request_id_secret = request_id(function(q) return "for " .. q.key end)
faults.request_id_long = request_id(function() return ("r"):rep(50000) end)
faults.request_id_odd = request_id(function() return "\xff\xfe\27[2J" end)
faults.refusal_empty = said(function(q) return { refusal = q.api == "openai" and "" or nil } end)
faults.finish_unknown = said { finish = "eos" }
faults.finish_error = said({ finish = "error" }, { known = false })
faults.pause = said { finish = "pause_turn" }
faults.window = said { finish = "model_context_window_exceeded" }
faults.null_content = said { content = json.null }
faults.number_content = said { content = 7 }
faults.parts = said { content = { { type = "text", text = table.concat(words, "", 1, 2) }, { type = "thinking", thinking = "hm" },
  { type = "text", text = table.concat(words, "", 3) } } }
faults.odd_parts = said { content = { 7, json.null, { type = "image" }, "x" } }
faults.empty_choices = said { edit = function(value)
  value.choices = value.choices and json.array {}
  return value
end }
faults.two_choices = said { edit = function(value)
  local first = value.choices and value.choices[1]
  if first then
    local other = { content = "the other one" }
    value.choices = { { index = 1, delta = other, message = other, finish_reason = json.null }, first }
  end
  return value
end }
faults.more_fields = said { edit = function(value)
  value.surprise, value.logprobs = { json.null, { deep = { 1 } } }, json.null
  return value
end }
faults.null_fields = said { edit = function(value)
  value.model, value.id, value.system_fingerprint = json.null, json.null, json.null
  return value
end }

-- ---- usage ---------------------------------------------------------------------

local function usage(q, input, output, more)
  local u = ({ openai = { prompt_tokens = input, completion_tokens = output }, anthropic = { input_tokens = input, output_tokens = output },
    ollama = { prompt_eval_count = input, eval_count = output } })[q.api]
  for key, value in pairs(more or {}) do u[key] = value end
  return u
end

--- Told as `make` has it; `changes` are what it really used, when it is told rightly.
local function told_usage(make, changes)
  return function(q)
    local all = { usage = make(q), cached = 0, written = 0, written_1h = 0 }
    for key, value in pairs(changes and changes(q) or {}) do all[key] = value end
    return answer(q, all, { known = changes ~= nil })
  end
end

local function plainly() return {} end

faults.usage_missing = told_usage(function() return false end)
faults.usage_null = told_usage(function() return json.null end)
faults.usage_text = told_usage(function() return "free" end)
faults.usage_list = told_usage(function() return json.array { 1, 2 } end)
faults.usage_negative = told_usage(function(q) return usage(q, -20, 7) end)
faults.usage_negative_output = told_usage(function(q) return usage(q, 20, -7) end)
faults.usage_huge = told_usage(function(q) return usage(q, 1 << 60, 7) end)
faults.usage_beyond = told_usage(function(q) return usage(q, 1e30, 7) end)
faults.usage_float = told_usage(function(q) return usage(q, 20.5, 7) end)
faults.usage_string = told_usage(function(q) return usage(q, "20", "7") end)
faults.usage_half = told_usage(function(q) return usage(q, nil, 7) end)
faults.usage_other_half = told_usage(function(q) return usage(q, 20, nil) end)
faults.usage_zero = told_usage(function(q) return usage(q, 0, 0) end)
faults.usage_zero_output = told_usage(function(q) return usage(q, 20, 0) end)
faults.usage_cached_over = told_usage(function(q)
  return usage(q, 20, 7, { prompt_tokens_details = { cached_tokens = 21 }, cache_read_input_tokens = -1, prompt_eval_cached_count = 21 })
end)
faults.usage_plain = told_usage(function(q) return usage(q, 20, 7) end, plainly)
faults.usage_nulls = told_usage(function(q)
  return usage(q, 20, 7, { prompt_tokens_details = json.null, completion_tokens_details = json.null, cache_creation = json.null,
    cache_creation_input_tokens = json.null, cache_read_input_tokens = json.null, prompt_eval_cached_count = json.null })
end, plainly)
faults.usage_thought = told_usage(function(q)
  return usage(q, 20, 7, q.api == "openai" and { total_tokens = 77, completion_tokens_details = { reasoning_tokens = 50 } } or {})
end, function(q) return { output = q.api == "openai" and 57 or 7 } end)
faults.usage_total_less = told_usage(function(q) return usage(q, 20, 7, { total_tokens = 0 }) end, plainly)
faults.usage_split_short = told_usage(function(q)
  if q.api ~= "anthropic" then return usage(q, 20, 7) end
  return usage(q, 8, 7, { cache_creation_input_tokens = 12, cache_creation = { ephemeral_5m_input_tokens = 3, ephemeral_1h_input_tokens = 4 } })
end, function(q) return q.api == "anthropic" and { written = 12, written_1h = 4 } or {} end)
faults.usage_before_finish = said { every_usage = true, usage = false }
faults.usage_every = said { every_usage = true }
faults.usage_then_cut = function(q)
  return answer(q, { every_usage = true, no_finish = true, no_end = true, output = q.api == "ollama" and 7 or 5000, excess = true })
end
faults.usage_in_finish = said { usage_in_finish = true }

-- ---- streams ------------------------------------------------------------------------

faults.done_missing = said { no_end = true }
faults.finish_missing = said { no_finish = true, no_end = true }
faults.done_without_finish = said { no_finish = true }
faults.ping = said(function(q)
  return q.api == "anthropic" and { extra = { 'event: ping\ndata: {"type":"ping"}\n\n' } } or q.api == "openai" and { extra = { ": ping\n\n" } } or { extra = { "\n\r\n" } }
end)
faults.unknown_event = said(function(q)
  local event = { type = "brand_new", data = { 1 }, choices = json.array {}, done = false }
  return { extra = { replies[q.api].event(event) } }
end)
faults.numbers_as_types = said(function(q)
  return { extra = { q.api == "ollama" and '{"message":7,"done":false}\n' or 'data: {"type":7,"choices":[7],"delta":[],"index":{}}\n\n' } }
end)
local function failing(kind, status_word)
  return function(q)
    local errors = q.api == "openai" and { error = { message = "oops", code = status_word } } or replies[q.api].failure("oops", kind)
    return answer(q, { errors = errors, no_finish = true, no_end = true, edit = not q.stream and function() return errors end or nil }, { known = false })
  end
end
faults.error_inside = failing("api_error")
faults.error_overloaded = failing("overloaded_error", 529)

--- The same stream in other bytes.
local function respelled(change, known)
  return function(q)
    local thing = answer(q, nil, { known = known ~= false })
    if q.stream then thing.body, thing.pieces = change(thing.body, q), nil end
    return thing
  end
end

local function lines_end(text, stop) return (text:gsub("\n", stop)) end
faults.crlf = respelled(function(text) return lines_end(text, "\r\n") end)
faults.cr = respelled(function(text, q) return q.api == "ollama" and text or lines_end(text, "\r") end)
faults.mixed_ends = respelled(function(text, q)
  local n = 0
  return (text:gsub("\n", function()
    n = n + 1
    return q.api ~= "ollama" and n % 3 == 0 and "\r" or n % 3 == 1 and "\r\n" or "\n"
  end))
end)
faults.bom = respelled(function(text, q) return q.api == "ollama" and text or "\u{feff}" .. text end)
faults.comments = respelled(function(text, q) return q.api == "ollama" and text:gsub("\n", "\n\n") or ":\n: hi\n" .. text:gsub("\n\n", "\n\n: more\n:\n") end)
faults.many_data_lines = respelled(function(text, q) return q.api == "ollama" and text or (text:gsub('data: {', "data: {\ndata:\ndata: ")) end)
faults.no_space = respelled(function(text) return (text:gsub("data: ", "data:"):gsub("event: ", "event:")) end)
faults.more_sse_fields = respelled(function(text, q) return q.api == "ollama" and text or "retry: 1\nid: 7\nfoo\nbar: x\n" .. text end)
faults.no_event_names = respelled(function(text) return (text:gsub("event: [^\n]*\n", "")) end)
faults.last_line_open = respelled(function(text) return (text:gsub("\n+$", "")) end)
faults.each_byte_a_chunk = function(q)
  local thing = answer(q)
  local pieces = {}
  for byte in thing.body:gmatch "." do pieces[#pieces + 1] = byte end
  thing.play = function(c, head, body) chunked("0\r\n\r\n")(c, head, body, pieces) end
  return thing
end

-- ---- calls of tools -------------------------------------------------------------

faults.tool = said { calls = { { "t1", "look", '{"at":"x"}' } } }
faults.tool_no_arguments = said { calls = { { "t1", "now", "" } } }
faults.tool_broken = said({ calls = { { "t1", "look", '{"at":' } } })
faults.tool_not_an_object = said({ calls = { { "t1", "look", "[1]" } } })
faults.tool_unknown = said({ calls = { { "t1", "lok.it up", '{"at":"x"}' } } })
faults.tool_misfit = said({ calls = { { "t1", "look", '{"at":7}' } } })
faults.tool_same_ids = said { calls = { { "t1", "look", '{"at":"x"}' }, { "t1", "now", "{}" } } }
faults.tool_no_id = said { calls = { { json.null, "now", "{}" } } }
faults.tool_no_name = said { calls = { { "t1", json.null, "{}" } } }
faults.tool_cut = said { calls = { { "t1", "now", "" } }, finish = "length" }
-- what the provider said to its model about the tools is charged, and the usage got lost
faults.tool_hidden = function(q)
  return answer(q, { calls = { { "t1", "now", "{}" } }, usage = false, input = q.bytes + 900, cached = 0, written = 0, written_1h = 0 })
end
-- each call as full of values as an event may be, again and again
faults.tool_heavy = function(q)
  local pieces = replies[q.api].pieces(truth(q, { calls = { { "t", "look", '{"a":[' .. ("{},"):rep(40000) .. "0]}" } } }))
  if q.api == "anthropic" then pieces = { replies.anthropic.event { type = "content_block_start", index = 1,
    content_block = { type = "tool_use", id = "t", name = "look", input = { a = json.decode("[" .. ("{},"):rep(40000) .. "0]") } } } } end
  return flood(pieces[q.api == "openai" and 2 or 1], 64 << 20)(q)
end
faults.tool_none = said { finish = "tool_calls" }

-- ---- embeddings -------------------------------------------------------------------

--- A vector of the letters that a text has.
local function vector(text, n)
  local v = {}
  for i = 1, n do v[i] = 0.001 end
  for letter in text:lower():gmatch "%a" do
    local i = (letter:byte() - 97) % n + 1
    v[i] = v[i] + 1
  end
  return v
end

local embed_edits = {
  embed_backwards = function(data) for i = 1, #data // 2 do data[i], data[#data + 1 - i] = data[#data + 1 - i], data[i] end end,
  embed_short = function(data) table.remove(data) end,
  embed_uneven = function(data) table.remove(data[1].embedding) end,
  embed_text = function(data) data[1].embedding[1] = "one" end,
  embed_null = function(data) data[1].embedding = json.null end,
  embed_same_index = function(data) for _, one in ipairs(data) do one.index = 0 end end,
}

local function embeddings(q, name)
  local texts = type(q.asked.input) == "table" and q.asked.input or { tostring(q.asked.input) }
  local data, bare, n = json.array {}, json.array {}, math.tointeger(q.asked.dimensions) or 26
  for i, text in ipairs(texts) do data[i] = { object = "embedding", index = i - 1, embedding = vector(tostring(text), n) } end
  if embed_edits[name] then embed_edits[name](data) end
  for i, one in ipairs(data) do bare[i] = one.embedding end
  local input = 3 * #texts
  return { status = 200, headers = { ["content-type"] = "application/json" }, known = true,
    bill = { input = input, output = 0, cached = 0, written = 0, written_1h = 0 },
    body = json.encode { object = "list", model = q.asked.model, data = data, embeddings = bare, prompt_eval_count = input,
      usage = { prompt_tokens = input, total_tokens = input } } }
end

-- ---- serving -----------------------------------------------------------------------

local apis = { ["/chat/completions$"] = "openai", ["/messages$"] = "anthropic", ["/api/chat$"] = "ollama", ["/embeddings$"] = "openai",
  ["/api/embed$"] = "ollama" }

local function api_of(path)
  for pattern, api in pairs(apis) do
    if path:find(pattern) then return api end
  end
end

local function write_down(q, thing)
  local row = { api = q.api, stream = q.stream, model = q.asked.model, path = q.path, status = thing.status, billed = thing.bill and true or false,
    known = thing.known or false, request = q.asked }
  for _, key in ipairs { "input", "output", "cached", "written", "written_1h" } do row[key] = thing.bill and thing.bill[key] or 0 end
  books[#books + 1] = row
end

local function thing_for(q)
  local name = tostring(q.asked.model):match("^fault:(.*)$")
  local fault = name and faults[name]
  if q.embed and not (fault and name:find "^status_") then return embeddings(q, name) end
  if name and not fault then return refusal(q, 400, "there is no fault " .. name) end
  return fault and fault(q) or answer(q)
end

local function play(c, request)
  local asked = json.decode(request.body)
  if type(asked) ~= "table" then asked = {} end
  local q = { asked = asked, api = api_of(request.path), path = request.path, host = request.headers.host, c = c,
    embed = request.path:find "embed" ~= nil, key = request.headers["x-api-key"] or (request.headers.authorization or ""):gsub("^Bearer ", "") }
  if not q.api then return send(c, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n") end
  q.stream, q.bytes = asked.stream == true, #request.body
  local place = q.api .. tostring(q.stream) .. tostring(asked.model)
  seen[place] = (seen[place] or 0) + 1
  q.n = seen[place]
  c.served = (c.served or 0) + 1
  q.c = c
  local thing = thing_for(q)
  write_down(q, thing)
  thing.headers["content-length"] = #thing.body
  thing.headers["x-request-id"] = thing.headers["x-request-id"] or "req_" .. #books
  local head = sockets.head(thing.status, "Whatever", thing.headers)
  if thing.play then return thing.play(c, head, thing.body, thing.pieces) end
  send(c, head .. thing.body)
end

local control = {}
control["/_quit"] = function() quit = true end
control["/_books"] = function()
  local all = books
  books = {}
  return json.array(all)
end
control["/_names"] = function()
  local list = json.sorted_keys(faults)
  for name in pairs(embed_edits) do list[#list + 1] = name end
  return list
end

sockets.run(sockets.options(arg), function(c)
  while not c.closed do
    local request = sockets.read_request(c)
    if not request then break end
    local order = control[request.path]
    if order then
      local body = json.encode(order() or {})
      send(c, sockets.head(200, "OK", { ["content-type"] = "application/json", ["content-length"] = #body, connection = "close" }) .. body)
      break
    end
    play(c, request)
  end
end, function() return quit end)
