--- The door for HTTP: who may come in, and what is said about what cannot be.
--
-- Nobody gets past the Host check, so a page of another site that points its name at
-- this machine gets nothing; all but /health want the token of var/token, or, where
-- events come in, a signature (serve/webhook.lua). The routes are in serve/api.lua.
local core = require "core.http"
local errors = require "errors"
local json = require "json"
local loop = require "loop"

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

local function refuse(answer, status, number, fields, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json"
  headers["Cache-Control"] = "no-store"
  answer(status, headers, json.encode(errors.json(errors.new(number, fields))) .. "\n")
end

local function has_token(self, request)
  local scheme, token = (request.headers.authorization or ""):match("^(%a+) +(%S+)$")
  return scheme ~= nil and scheme:lower() == "bearer" and core.same(token, self.token)
end

local function handle(self, request, answer)
  if not self.allowed[(request.headers.host or ""):lower()] then
    return refuse(answer, 403, "K1004", { name = "the Host header", detail = "it does not name this engine",
      next = "keel help serve" })
  end
  local webhook = require "serve.webhook"
  if webhook.is_for(request) then return webhook.handle(self.serve.engine, request, answer, has_token(self, request)) end
  local api = require "serve.api"
  if api.is_open(request, self.serve.engine.settings.http) then return api.handle(self.serve.engine, request, answer) end
  if not has_token(self, request) then
    return refuse(answer, 401, "K1004", { name = "the Authorization header",
      detail = "expected 'Bearer' and the token of var/token", next = "cat var/token" },
      { ["WWW-Authenticate"] = 'Bearer realm="keel"' })
  end
  api.handle(self.serve.engine, request, answer)
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
  local self = { serve = serve, token = serve.token }
  local server, message, code = core.listen(host, port, { body_bytes = max_body_bytes, idle_s = idle_s,
    connections = max_connections, keep = "http" }, function(request, answer)
    loop.spawn(handle, function(failure, trace)
      serve.engine:complain(trace)
      refuse(answer, 500, "K9009", { detail = tostring(failure) })
    end, self, request, answer)
  end)
  if not server and code == "locked" and not serve.listen then
    io.stderr:write(("keel: %s, so there is no HTTP; --listen 127.0.0.1:0 picks a free port\n"):format(message))
    return nil
  end
  if not server then
    return nil, errors.new(code == "locked" and "K8101" or "K1004", { name = text, message = message })
  end
  if not is_loopback(host) then
    io.stderr:write(("keel: HTTP is answered at %s, so other machines may reach it\n"):format(text))
  end
  self.port = server:port()
  self.listen = shown(host, self.port)
  self.url = ("http://%s/"):format(shown(is_loopback(host) and host or "127.0.0.1", self.port))
  function self.allow(hosts) self.allowed = allowed_hosts(hosts, self.port) end
  self.allow(serve.engine.settings.http.hosts)
  function self.close() server:close() end
  return self
end

return http
