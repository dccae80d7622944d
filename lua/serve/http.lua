--- The door for HTTP: who may come in, and what is said about what cannot be.
--
-- Nobody gets past the Host check, so a page of another site that points its name at
-- this machine gets nothing; all but /health, /login and what that page is made of want the
-- token of var/token, the session of who showed it, or, where events come in, a signature
-- (serve/webhook.lua). What a request must be is in serve/door.lua, the routes in serve/api.lua.
local api = require "serve.api"
local core = require "core.http"
local door = require "serve.door"
local errors = require "errors"
local file = require "file"
local json = require "json"
local live = require "serve.live"
local loop = require "loop"
local sessions = require "serve.sessions"
local told = require "serve.api.told"

local http = {}

local max_body_bytes, idle_s, max_connections = 1 << 20, 30, 64

-- ---- where -------------------------------------------------------------------------

--- "HOST:PORT" -> host, port. "[::1]:7171" is an address of IPv6; a host left out is
--- this machine alone.
local function split_address(text)
  local host, port = text:match("^(.*):(%d+)$")
  port = math.tointeger(tonumber(port))
  if not host or not port or port > 65535 then return nil end
  host = host:match("^%[(.*)%]$") or host
  return host == "" and "127.0.0.1" or host, port
end

local function is_loopback(host)
  return host == "localhost" or host == "::1" or host:find("^127%.%d+%.%d+%.%d+$") ~= nil
end

local function shown(host, port)
  return (host:find(":", 1, true) and "[%s]:%d" or "%s:%d"):format(host, port)
end

-- ---- who ---------------------------------------------------------------------------

--- The values of a Host header that are meant for us.
local function allowed_hosts(hosts, port)
  local allowed = {}
  for _, name in ipairs { "localhost", "127.0.0.1", "[::1]", table.unpack(hosts) } do
    name = name:lower()
    allowed[name] = true
    if not name:find(":%d+$") then allowed[name .. ":" .. port] = true end
  end
  return allowed
end

local function refuse(answer, request, status, err, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json"
  door.send(answer, request, status, headers, json.encode(errors.json(err)) .. "\n")
end

local function has_token(self, request)
  local scheme, token = (request.headers.authorization or ""):match("^(%a+) +(%S+)$")
  return scheme ~= nil and scheme:lower() == "bearer" and core.same(token, self.token)
end

local who_methods = {}
who_methods.__index = who_methods

--- What the engine is told of who acts, and why.
function who_methods:options(body) return { by = self.by, channel = self.channel, note = body.note } end

local function see_other(answer, request, where, cookie)
  door.send(answer, request, 303, { Location = where, ["Content-Type"] = "text/plain",
    ["Set-Cookie"] = cookie and sessions.header(cookie) or nil }, "")
end

-- ---- coming in and going -----------------------------------------------------------

local function escaped(text) return (text:gsub('[&<>"]', { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" })) end

--- The page of the dashboard, or one that does without.
local function login_page(answer, request, status, options, headers)
  local there, page = pcall(require, "dashboard.login")
  local html = there and page.page(options) or ([[<!doctype html><html lang="en"><title>Keel</title><h1>Keel</h1><p>%s</p>
<form method="post" action="/login"><input type="hidden" name="next" value="%s">
<label>Token of var/token <input type="password" name="token" autofocus></label> <button>Log in</button></form></html>
]]):format(escaped(options.error or ""), escaped(options.next or "/"))
  headers = headers or {}
  headers["Content-Type"] = "text/html; charset=utf-8"
  door.send(answer, request, status, headers, html)
end

local function login(self, request, answer)
  local body, form = api.body(request)
  if not body then return refuse(answer, request, 400, form) end
  local token, onward = body.token, door.own_path(body.next, "/")
  local session, cookie = self.sessions:login(type(token) == "string" and token or "")
  if session then
    if form then return see_other(answer, request, onward, cookie) end
    return door.send(answer, request, 200, { ["Content-Type"] = "application/json", ["Set-Cookie"] = sessions.header(cookie) },
      json.encode { csrf = session.csrf } .. "\n")
  end
  local status, headers = cookie and 429 or 401, { ["Retry-After"] = cookie and tostring(cookie) or nil }
  local text = cookie and ("too many wrong tokens: try again in %d s"):format(cookie) or "that is not the token"
  if form then return login_page(answer, request, status, { error = text, next = onward }, headers) end
  refuse(answer, request, status, errors.new("K1004", { name = "the token", detail = text, next = "cat var/token" }), headers)
end

local function logout(self, request, answer, session, form)
  if session then self.sessions:close(session) end
  local headers = { ["Set-Cookie"] = sessions.header(nil), ["Content-Type"] = "application/json" }
  if not form then return door.send(answer, request, 200, headers, '{"out":true}\n') end
  headers.Location = "/login"
  door.send(answer, request, 303, headers, "")
end

-- ---- answering ----------------------------------------------------------------------

local function not_found(answer, request)
  refuse(answer, request, 404, errors.new("K1007", { kind = "page", name = request.path }))
end

local function not_known(answer, request, methods)
  methods = table.concat(methods, ", ")
  refuse(answer, request, 405, errors.new("K1004", { name = request.method, detail = "this path knows " .. methods }),
    { Allow = methods })
end

local function send_json(answer, request, value, cookie)
  door.send(answer, request, 200, { ["Content-Type"] = "application/json", ["Set-Cookie"] = cookie and sessions.header(cookie) or nil },
    assert(json.encode(value)) .. "\n")
end

--- Forms go back to their page, or to what came of them, with a word about what happened.
local function go_back(answer, request, session, back, told, err)
  if session then session.flash = { kind = (err or told.bad) and "bad" or "good", text = err and err.message or told.text } end
  see_other(answer, request, not err and told.go or door.own_path(back, "/"))
end

local function call(self, request, answer, route, id, body, form, session)
  local e, back = self.serve.engine, body and body.back
  if form then body.csrf, body.back = nil, nil end
  if route.method == "POST" and e.resting then
    return refuse(answer, request, 503, e.resting)
  end
  local who = setmetatable({ by = e.settings.owner or "owner", channel = session and "web" or "api" }, who_methods)
  local value, err = api.perform(e, route, id, request, body, form, who)
  if value ~= nil and route.method == "POST" then self.live:changed "all" end
  if form and back then return go_back(answer, request, session, back, value ~= nil and told.of(route, id, value), value == nil and err or nil) end
  if value == nil then return refuse(answer, request, api.status(err), err) end
  send_json(answer, request, value, session and session.renewed)
end

local function metrics(self, request, answer)
  local there, module = pcall(require, "observe.metrics")
  local longest_us, p99_us = loop.held()
  local text = ([[
# HELP keel_loop_held_seconds How long timers waited for other work on the loop, over the last minute.
# TYPE keel_loop_held_seconds gauge
keel_loop_held_seconds{of="max"} %.6f
keel_loop_held_seconds{of="p99"} %.6f
]]):format(longest_us / 1e6, p99_us / 1e6)
  if there then
    local more = module.text(self.serve.engine)
    text = more:find("keel_loop_held_seconds", 1, true) and more or text .. more
  end
  door.send(answer, request, 200, { ["Content-Type"] = "text/plain; version=0.0.4" }, text)
end

local function asset(request, answer)
  local there, assets = pcall(require, "dashboard.assets")
  local one = there and assets.get(request.path:match "^/assets/(.*)$")
  if not one then return not_found(answer, request) end
  local headers = { ["Content-Type"] = one.type, ["Cache-Control"] = "public, max-age=31536000, immutable", ETag = one.etag }
  if one.etag and request.headers["if-none-match"] == one.etag then return door.send(answer, request, 304, headers, "") end
  door.send(answer, request, 200, headers, one.body, one)
end

local function page(self, request, answer, session)
  local there, dashboard = pcall(require, "dashboard")
  if not there or not session then return not_found(answer, request) end
  local flash = session.flash
  if request.method == "GET" then session.flash = nil end
  local got = dashboard.handle(self.serve.engine, request, { csrf = session.csrf, owner = self.serve.engine.settings.owner or "owner", flash = flash })
  local headers = got.headers or {}
  headers["Content-Type"] = headers["Content-Type"] or "text/html; charset=utf-8"
  if session.renewed then headers["Set-Cookie"] = sessions.header(session.renewed) end
  door.send(answer, request, got.status, headers, got.body or "")
end

local function listen_live(self, request, answer, stream)
  local headers = { ["Cache-Control"] = "no-store" }
  for name, value in pairs(door.headers) do headers[name] = value end
  if self.live:join(stream, headers, request.headers["last-event-id"] ~= nil) then return end
  refuse(answer, request, 503, errors.new("K1004", { name = "/live", detail = "too many listen already" }), { ["Retry-After"] = "5" })
end

--- What anybody may ask for; true when that was it.
local function open_to_all(self, request, answer)
  local path, acts = request.path, door.acts(request)
  if path == "/health" and not acts then send_json(answer, request, { ok = true })
  elseif path == "/login" and acts then login(self, request, answer)
  elseif path == "/login" then login_page(answer, request, 200, { next = door.own_path(request.query.next, "/") })
  elseif path:find "^/assets/" and not acts then asset(request, answer)
  elseif path == "/metrics" and not acts and self.serve.engine.settings.http.metrics == "open" then metrics(self, request, answer)
  else return false end
  return true
end

local function who_are_you(request, answer)
  local page_wanted = not door.acts(request) and not request.path:find "^/api/" and (request.headers.accept or ""):find("text/html", 1, true)
  if page_wanted then
    local onward = door.own_path(request.path, "/"):gsub("[^%w/_.%-]", function(c) return ("%%%02X"):format(c:byte()) end)
    return see_other(answer, request, "/login?next=" .. onward)
  end
  refuse(answer, request, 401, errors.new("K1004", { name = "the Authorization header",
    detail = "expected 'Bearer' and the token of var/token", next = "cat var/token" }), { ["WWW-Authenticate"] = 'Bearer realm="keel"' })
end

--- A request of the owner's: a session, or the token.
local function known(self, request, answer, stream, session)
  local path, acts, body, form = request.path, door.acts(request), nil, false
  if acts then
    body, form = api.body(request)
    if not body then return refuse(answer, request, 400, form) end
    local refusal = session and door.without_csrf(request, session, body)
    if refusal then return refuse(answer, request, refusal.status, refusal.err) end
  end
  if path == "/logout" or path == "/api/logout" then
    if acts then return logout(self, request, answer, session, form) end
    return not_known(answer, request, { "POST" })
  end
  local route, id = api.route(request)
  if route then return call(self, request, answer, route, id, body, form, session) end
  if #id > 0 then return not_known(answer, request, id) end
  if acts then return not_found(answer, request) end
  if path == "/api/openapi.json" then return send_json(answer, request, api.describe(require("core.program").version)) end
  if path == "/metrics" then return metrics(self, request, answer) end
  if path == "/live" and request.method == "GET" then return listen_live(self, request, answer, stream) end
  if path:find "^/api/" or path == "/live" then return not_found(answer, request) end
  page(self, request, answer, session)
end

local function handle(self, request, answer, stream)
  local refusal = door.refusal(request, self.allowed)
  if refusal then return refuse(answer, request, refusal.status, refusal.err, refusal.headers) end
  local webhook = require "serve.webhook"
  if webhook.is_for(request) then return webhook.handle(self.serve.engine, request, answer, has_token(self, request)) end
  if open_to_all(self, request, answer) then return end
  local session, renewed
  if not has_token(self, request) then
    session, renewed = self.sessions:find(request.headers.cookie)
    if not session then return who_are_you(request, answer) end
    session.renewed = renewed
  end
  known(self, request, answer, stream, session)
end

-- ---- life --------------------------------------------------------------------------

local function listen_text(serve)
  if serve.listen == "off" then return nil end
  return serve.listen or serve.engine.settings.http.listen
end

--- Open the door of a served engine. Returns { listen, url, close }, nil when it shall
--- have none, or nil, err. A port that is taken is an error when it was asked for;
--- the default's is said and done without.
function http.open(serve)
  local text = listen_text(serve)
  if not text then
    require("core.supervise").drop "http" -- the engine before this one may have had a door
    return nil
  end
  local host, port = split_address(text)
  if not host then
    return nil, errors.new("K1004", { name = "--listen", command = "serve",
      detail = ("expected HOST:PORT, got '%s'"):format(text) })
  end
  local self = { serve = serve, token = serve.token, live = live.new(serve),
    sessions = sessions.open { token = serve.token, path = file.join(serve.home, "var", "sessions.gone") } }
  local server, message, code = core.listen(host, port, { body_bytes = max_body_bytes, idle_s = idle_s,
    connections = max_connections, keep = "http" }, function(request, answer, stream)
    loop.spawn(handle, function(failure, trace)
      serve.engine:complain(trace)
      refuse(answer, request, 500, errors.is(failure) and failure or errors.new("K9009", { detail = tostring(failure) }))
    end, self, request, answer, stream)
  end)
  if not server and code == "locked" and not serve.listen then
    serve.log:line("warn", ("%s, so there is no HTTP; --listen 127.0.0.1:0 picks a free port"):format(message))
    return nil
  end
  if not server then
    return nil, errors.new(code == "locked" and "K8101" or "K1004", { name = text, message = message })
  end
  if not is_loopback(host) then
    serve.log:line("warn", ("HTTP is answered at %s, so other machines may reach it"):format(text))
  end
  self.port = server:port()
  self.listen = shown(host, self.port)
  self.url = ("http://%s/"):format(shown(is_loopback(host) and host or "127.0.0.1", self.port))
  function self.allow(hosts) self.allowed = allowed_hosts(hosts, self.port) end
  self.allow(serve.engine.settings.http.hosts)
  function self.close()
    self.live:close()
    server:close()
  end
  return self
end

return http
