--- HTTP requests to the outside.
--
--     local http = require "http"
--     local reply, message, code = http.request {
--       url = "https://example.org/items", method = "POST",
--       headers = { accept = "application/json" }, body = "{}",
--       limits = { total_ms = 5000, body_bytes = 1048576 },
--     }
--     if reply and reply.status == 200 then print(reply.body) end
--
-- In a task the others go on meanwhile; elsewhere the loop turns until the reply
-- is there. A request leaves at most once, redirects are not followed, and no
-- message tells a header, a body or the query of a URL. `public_only` refuses to
-- connect to an address that is not of the open internet, whatever a name comes to.
-- The limits, each with a
-- default, are: connect_ms first_byte_ms stall_ms total_ms header_bytes body_bytes.
local fetch = require "core.fetch"
local loop = require "loop"

local http = {}

local limit_names = { "connect_ms", "first_byte_ms", "stall_ms", "total_ms", "header_bytes", "body_bytes" }
local known = { method = true, url = true, headers = true, body = true, limits = true, on_data = true, ca_file = true, public_only = true }
for _, name in ipairs(limit_names) do known[name] = true end

--- "A: 1\r\nB: 2" -> { a = "1", b = "2" }; a name that repeats is joined by ", ".
http.parse_header = fetch.headers

-- Lines of tables that were met before; who sends many requests keeps the table.
local known_lines = setmetatable({}, { __mode = "k" })

local function header_lines(headers)
  local lines = headers and known_lines[headers]
  if lines then return lines end
  lines = {}
  for name, value in pairs(headers or {}) do
    if type(name) ~= "string" or not name:find("^[%w!#$%%&'*+.^_`|~-]+$") then
      error("not a header name: " .. tostring(name), 3)
    end
    value = tostring(value)
    -- Said without the value: it may be a key.
    if value:find("[%c]") then error("header " .. name .. " has control characters", 3) end
    -- libcurl spells an empty value "Name;"
    lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value
  end
  table.sort(lines)
  if headers then known_lines[headers] = lines end
  return lines
end

local function prepare(request)
  if type(request) ~= "table" then error("http.request expects a table", 3) end
  for key in pairs(request) do
    if not known[key] then error("http.request knows no field " .. tostring(key), 3) end
  end
  local wire = {
    url = request.url, body = request.body, ca_file = request.ca_file, public_only = request.public_only,
    method = request.method or (request.body and "POST" or "GET"),
    headers = header_lines(request.headers),
  }
  if not wire.method:find("^%u+$") then error("a method is a word in capitals, like GET", 3) end
  local limits = request.limits or request
  for i = 1, #limit_names do
    local name = limit_names[i]
    local limit = limits[name] or request[name]
    if limit then wire[name] = math.ceil(limit) end
  end
  return wire
end

--- http.request's answer of what fetch gave.
local function finish(raw)
  if raw.outcome ~= "ok" then
    return nil, raw.message, raw.outcome, { sent = raw.sent, begun = raw.begun, status = raw.status,
      body = raw.body, total_us = raw.total_us }
  end
  raw.headers, raw.ms = http.parse_header(raw.header), raw.total_us / 1000
  return raw
end

--- A request that is sent again and again, checked once: `http.send` fills in the rest.
function http.prepared(request) return prepare(request) end

--- Begin a prepared request with this body; it is over after total_ms at most. `done` gets
-- what http.reply makes a reply of; on_data as in http.request, but with the raw header.
function http.send(prepared, body, total_ms, body_bytes, done, on_data)
  prepared.body, prepared.total_ms, prepared.body_bytes = body, total_ms, body_bytes
  local call, message, code = fetch.start(prepared, done, on_data)
  prepared.body = nil
  return call, message, code
end

--- What http.request returns, of what `done` was given.
http.reply = finish

--- Whether an address like "10.0.0.1" or "fe80::1" is one of the open internet; no name is one.
http.is_public = fetch.is_public

--- Begin a request; `done` is called later with what `http.request` returns.
-- Returns a handle with `:cancel()`, or nil, message, code.
function http.start(request, done)
  local on_data = request.on_data
  local header, parsed
  return fetch.start(prepare(request), function(raw) done(finish(raw)) end,
    on_data and function(piece, status, text)
      if text ~= header then header, parsed = text, http.parse_header(text) end
      on_data(piece, status, parsed)
    end)
end

--- Send a request and wait for its reply { status, headers, body, ms }, or
-- nil, message, code, detail. Codes: bad_url connect tls timeout lost (no byte of a
-- reply) cut (inside it) too_large protocol local private; detail.sent says whether the
-- other side may have seen the request. `on_data(piece, status, headers)` gets the
-- body as it comes, and `body` is then empty.
function http.request(request)
  return loop.await(function(wake)
    local call, message, code = http.start(request, wake)
    if not call then wake(nil, message, code == "input" and "bad_url" or "local", { sent = false }) end
  end)
end

return http
