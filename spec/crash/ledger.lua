--- An outside world that keeps books: an HTTP server, a process of its own, which writes
--- every effect that arrives to a file of its own, with a sync, before it answers.
--
--   build/keel lua spec/crash/ledger.lua --file FILE [--port 0] [--lose N] [--busy N]
--     [--slow N] [--no-probe N] [--seed N] [--linger MS]
--
-- Prints "listening PORT". N is one in so many requests (0: never):
--   lose      the effect is recorded, then the connection ends without a reply
--   busy      503, and nothing is recorded
--   slow      the reply comes `linger` ms after the record
--   no-probe  a probe is answered with 503
--
-- POST /keyed/OP    the same Idempotency-Key again is not recorded, and answered the same
-- POST /probed/OP   every arrival is recorded; GET /probed/KEY tells of the first: 200 or 404
-- POST /blind/OP    every arrival is recorded, and nobody can ask
-- POST .../lost     the reply is lost, always
-- GET  /read/NAME   { name, entries }
-- A line of the file is { n, kind, op, key, body }; the answer to an effect is the same.
-- A path may begin with a /REALM of its own: keys of one say nothing in another.
local file = require "file"
local json = require "json"
local socket = require "socket"

local options = { port = 0, lose = 0, busy = 0, slow = 0, ["no-probe"] = 0, seed = 1, linger = 20 }
for i = 1, #arg, 2 do
  local name = assert(arg[i]:match("^%-%-(.+)$"), arg[i])
  options[name] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
end
math.randomseed(options.seed)

local function chance(name)
  return options[name] > 0 and math.random(options[name]) == 1
end

-- ---- the books -------------------------------------------------------------------------

local entries, by_key = 0, {}

local function place_of(realm, kind, key) return (realm or "") .. "\0" .. kind .. "\0" .. key end

local function record(realm, kind, op, key, body)
  entries = entries + 1
  local entry = { n = entries, realm = realm, kind = kind, op = op, key = key, body = body }
  assert(file.append_sync(options.file, assert(json.encode(entry))))
  local place = place_of(realm, kind, key)
  by_key[place] = by_key[place] or entry
  return entry
end

-- a ledger that is started again knows what it wrote
for line in (file.read(options.file) or ""):gmatch("([^\n]*)\n") do
  local entry = json.decode(line)
  entries = entry.n
  local place = place_of(entry.realm, entry.kind, entry.key)
  by_key[place] = by_key[place] or entry
end

local function unescaped(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

--- Returns the status and the value of the answer; or nil: no answer.
local function answer(request)
  local realm, kind, rest = request.path:match("^/(%w+)/(%l+)/(.+)$")
  if not realm then kind, rest = request.path:match("^/(%l+)/(.+)$") end
  if request.method == "GET" and kind == "read" then return 200, { name = unescaped(rest), entries = entries } end
  if request.method == "GET" and kind == "probed" then
    if chance "no-probe" then return 503, { error = "no probe today" } end
    local entry = by_key[place_of(realm, "probed", unescaped(rest))]
    return entry and 200 or 404, entry or { error = "no such key" }
  end
  if request.method ~= "POST" or not (kind == "keyed" or kind == "probed" or kind == "blind") then
    return 400, { error = "no such door" }
  end
  local key, body = request.headers["idempotency-key"], json.decode(request.body)
  if not key or body == nil then return 400, { error = "an effect has a key and a body" } end
  if chance "busy" then return 503, { error = "busy" } end
  local entry = kind == "keyed" and by_key[place_of(realm, kind, key)] or record(realm, kind, rest, key, body)
  if rest == "lost" or chance "lose" then return nil end
  if chance "slow" then socket.sleep(options.linger / 1000) end
  return 200, entry
end

-- ---- HTTP, as much as is needed -----------------------------------------------------------

local buffers = {}

--- A whole request at the head of `text`, and what is behind it; or nil.
local function parse(text)
  local head_end = text:find("\r\n\r\n", 1, true)
  if not head_end then return nil end
  local head, headers = text:sub(1, head_end + 1), {}
  for name, value in head:gmatch("\r\n([^:\r\n]+):%s*([^\r\n]*)") do headers[name:lower()] = value end
  local length = math.tointeger(tonumber(headers["content-length"] or 0))
  if #text < head_end + 3 + length then return nil end
  local method, path = head:match("^(%u+) (%S+) ")
  return { method = method, path = path, headers = headers, body = text:sub(head_end + 4, head_end + 3 + length) },
    text:sub(head_end + 4 + length)
end

local function hang_up(client)
  buffers[client] = nil
  client:close()
end

local function serve(client)
  local piece, message, part = client:receive(65536)
  local text = buffers[client] .. (piece or part or "")
  local request, rest = parse(text)
  while request do
    text = rest
    local status, value = answer(request)
    if not status then return hang_up(client) end
    local body = json.encode(value)
    client:settimeout(5)
    client:send(("HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"):format(status, #body, body))
    client:settimeout(0)
    request, rest = parse(text)
  end
  if message == "closed" then return hang_up(client) end
  buffers[client] = text
end

local listener = assert(socket.bind("127.0.0.1", options.port, 256))
listener:settimeout(0)
io.write("listening ", (select(2, listener:getsockname())), "\n")
io.flush()
while true do
  local list = { listener }
  for client in pairs(buffers) do list[#list + 1] = client end
  for _, ready in ipairs((socket.select(list, nil))) do
    local client = ready == listener and listener:accept()
    if client then
      client:settimeout(0)
      client:setoption("tcp-nodelay", true)
      buffers[client] = ""
    elseif ready ~= listener then
      serve(ready)
    end
  end
end
