--- A fake of an OpenAI-compatible server, with faults on demand and exact books.
--
--     build/keel lua spec/support/model_server.lua [--port 0] [--script FILE.json]
--
-- Prints "listening PORT". It plays one thing of its script for each request, and
-- its default when the script is at its end. Control, from specs only:
--   POST /_script [thing, ...]   replace the script     POST /_default thing
--   GET  /_books                 what was asked and billed, and forget it
--   POST /_quit
--
-- A thing is { text, usage = {prompt_tokens, completion_tokens, cached_tokens} or
-- false, finish, status, headers = {name = value}, body, body_file, content_type,
-- message (merged over the assistant's), choices, delay_ms, times (play it n times),
-- billed = false, fault }. Faults: "hang" (never answers), "reset" (RST before a byte),
-- "close" (FIN before a byte), "reset_in_header", "cut" (half of the body, then FIN),
-- "reset_in_body", "stall" (half of the body, then nothing), "drip" (a byte a time),
-- "endless_header", "garbage" (not HTTP), "no_length" (ends with the connection).
-- In a stream (`stream = true` in the request) `pieces` are sent as they are, else the
-- text as chunks, the usage last, and [DONE]; `no_done` and `no_finish` leave those out.
local json = require "json"
local sockets = require "spec.support.sockets"

local server = { script = {}, books = {}, connections = 0, served = 0, default = { text = "hello" } }

local sleep, send, reset = sockets.sleep, sockets.send, sockets.reset

-- ---- replies ---------------------------------------------------------------

local reasons = { [200] = "OK", [302] = "Found", [401] = "Unauthorized", [429] = "Too Many Requests",
  [500] = "Internal Server Error", [503] = "Service Unavailable" }

local function head_of(status, headers) return sockets.head(status, reasons[status] or "Whatever", headers) end

local function usage_of(thing)
  if thing.usage == false then return nil end
  local u = thing.usage or { prompt_tokens = 10, completion_tokens = 5 }
  if u.verbatim ~= nil then return u.verbatim end
  local total = (u.prompt_tokens or 0) + (u.completion_tokens or 0)
  return {
    prompt_tokens = u.prompt_tokens or 0, completion_tokens = u.completion_tokens or 0, total_tokens = total,
    prompt_tokens_details = u.cached_tokens and { cached_tokens = u.cached_tokens } or nil,
    completion_tokens_details = u.reasoning_tokens and { reasoning_tokens = u.reasoning_tokens } or nil,
  }
end

local function completion(thing, asked)
  local message = { role = "assistant", content = thing.text or "" }
  for key, value in pairs(thing.message or {}) do message[key] = value end
  return json.encode {
    id = "chatcmpl-" .. server.served, object = "chat.completion", created = 1, model = thing.model or asked.model,
    choices = thing.choices or { { index = 0, message = message, finish_reason = thing.finish or "stop" } },
    usage = usage_of(thing),
  }
end

local function stream_pieces(thing)
  if thing.pieces then return thing.pieces end
  local pieces = {}
  local function chunk(value) pieces[#pieces + 1] = "data: " .. json.encode(value) .. "\n\n" end
  local function delta(d, finish)
    chunk { object = "chat.completion.chunk", id = "c1", model = "fake", usage = json.null,
      choices = { { index = 0, delta = d, finish_reason = finish or json.null } } }
  end
  delta { role = "assistant", content = "" }
  for word in (thing.text or ""):gmatch("%s*%S+%s*$?") do delta { content = word } end
  if not thing.no_finish then delta({}, thing.finish or "stop") end
  local usage = usage_of(thing)
  if usage then chunk { object = "chat.completion.chunk", id = "c1", choices = json.array {}, usage = usage } end
  if not thing.no_done then pieces[#pieces + 1] = "data: [DONE]\n\n" end
  return pieces
end

--- Vectors that say which letters a text has: texts that share words are near.
local function embeddings(asked)
  local data, bare = json.array {}, json.array {}
  for i, text in ipairs(asked.input) do
    local v = {}
    for n = 1, asked.dimensions or 26 do v[n] = 0.001 end
    for letter in text:lower():gmatch "%a" do
      local n = (letter:byte() - 97) % #v + 1
      v[n] = v[n] + 1
    end
    data[i], bare[i] = { object = "embedding", index = i - 1, embedding = v }, v
  end
  return json.encode { object = "list", model = asked.model, data = data, embeddings = bare,
    usage = { prompt_tokens = #data, total_tokens = #data } }
end

local function body_of(thing, asked)
  if thing.body_file then
    local file = assert(io.open(thing.body_file, "rb"))
    local body = file:read("a")
    file:close()
    return body
  end
  if thing.body then return thing.body end
  if asked.input and (thing.status or 200) < 400 then return embeddings(asked) end
  if thing.status and thing.status >= 400 then
    return json.encode { error = { message = thing.text or "refused", type = "fake_error", code = thing.code or json.null } }
  end
  return completion(thing, asked)
end

local faults = {}

function faults.hang(c)
  repeat until not sockets.fill(c)
end

function faults.reset(c) reset(c) end

function faults.close(c) sockets.close(c) end

function faults.reset_in_header(c, head)
  send(c, head:sub(1, #head // 2))
  sleep(0.005)
  reset(c)
end

function faults.cut(c, head, body)
  send(c, head .. body:sub(1, #body // 2))
  sockets.close(c)
end

function faults.reset_in_body(c, head, body)
  send(c, head .. body:sub(1, #body // 2))
  sleep(0.005)
  reset(c)
end

function faults.stall(c, head, body)
  send(c, head .. body:sub(1, #body // 2))
  faults.hang(c)
end

function faults.drip(c, head, body)
  for byte in (head .. body):gmatch(".") do
    if not send(c, byte) then return end
    sleep(0.0005)
  end
end

function faults.endless_header(c)
  send(c, "HTTP/1.1 200 OK\r\n")
  for i = 1, 100000 do
    if not send(c, ("X-%d: %s\r\n"):format(i, ("y"):rep(500))) then break end
  end
  faults.close(c)
end

function faults.garbage(c)
  send(c, "SSH-2.0-OpenSSH_9.2\r\n")
  faults.close(c)
end

function faults.no_length(c, head, body)
  send(c, (head:gsub("Content%-Length: %d+\r\n", "")) .. body)
  faults.close(c)
end

local function stream(c, thing)
  local whole = table.concat(stream_pieces(thing))
  local head = head_of(200, { ["Content-Type"] = thing.content_type or "text/event-stream", ["Content-Length"] = #whole })
  if thing.fault then return faults[thing.fault](c, head, whole) end
  send(c, head)
  for _, piece in ipairs(stream_pieces(thing)) do
    if not send(c, piece) then return end
    if thing.piece_ms then sleep(thing.piece_ms / 1000) end
  end
end

local function next_thing()
  local thing = server.script[1]
  if not thing then return server.default end
  thing.times = (thing.times or 1) - 1
  if thing.times <= 0 then table.remove(server.script, 1) end
  return thing
end

local function write_down(request, asked, thing)
  local usage = thing.truth or usage_of(thing)
  if type(usage) ~= "table" then usage = {} end
  local cached = type(thing.usage) == "table" and thing.usage.cached_tokens
  local billed = thing.billed
  if billed == nil then billed = (thing.status or 200) < 300 end
  server.books[#server.books + 1] = {
    path = request.path, method = request.method, authorization = request.headers.authorization,
    headers = request.headers, request = asked, body = #request.body, billed = billed, fault = thing.fault,
    connection = request.connection, status = thing.status or 200,
    input = billed and math.tointeger(usage.prompt_tokens) or 0,
    output = billed and math.tointeger(usage.completion_tokens) or 0,
    cached = billed and cached or 0,
  }
end

local function play(c, request)
  local asked = json.decode(request.body)
  if type(asked) ~= "table" then asked = {} end
  local thing = next_thing()
  server.served = server.served + 1
  write_down(request, asked, thing)
  if thing.delay_ms then sleep(thing.delay_ms / 1000) end
  if asked.stream and (thing.status or 200) == 200 and not thing.body then return stream(c, thing) end
  local body = body_of(thing, asked)
  local headers = { ["Content-Type"] = thing.content_type or "application/json", ["Content-Length"] = #body,
    ["X-Request-Id"] = "req_" .. server.served }
  for name, value in pairs(thing.headers or {}) do headers[name] = value end
  local head = head_of(thing.status or 200, headers)
  if thing.fault then return faults[thing.fault](c, head, body) end
  send(c, head .. (request.method == "HEAD" and "" or body))
end

-- ---- control ---------------------------------------------------------------

local control = {}

control["/_script"] = function(body) server.script = body end
control["/_default"] = function(body) server.default = body end
control["/_quit"] = function() server.quit = true end
control["/_books"] = function()
  local books = { calls = json.array(server.books), requests = #server.books, connections = server.connections }
  for _, key in ipairs { "input", "output", "cached" } do
    books[key] = 0
    for _, call in ipairs(server.books) do books[key] = books[key] + (call[key] or 0) end
  end
  server.books, server.connections = {}, 0
  return books
end

local function serve(c)
  local counted = false
  while not c.closed do
    local request = sockets.read_request(c)
    if not request then break end
    local order = control[request.path]
    if order then
      local answer = json.encode(order(request.body ~= "" and assert(json.decode(request.body)) or nil) or {})
      send(c, head_of(200, { ["Content-Type"] = "application/json", ["Content-Length"] = #answer,
        Connection = "close" }) .. answer)
      break
    end
    if not counted then
      counted = true
      server.connections = server.connections + 1
    end
    request.connection = server.connections
    play(c, request)
  end
end

local options = sockets.options(arg)
if options.script then
  local file = assert(io.open(options.script))
  server.script = assert(json.decode(file:read("a")))
  file:close()
end
sockets.run(options, serve, function() return server.quit end)
