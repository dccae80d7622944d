--- A service that speaks JSON over HTTP, as shops for newsletters, bills and payments do: things are
-- made under an Idempotency-Key, looked up by it, and cancelled. It lives on the loop of the spec.
--
--   POST /KIND                 makes one, or says again what it said for that key
--   GET  /KIND/KEY             200 and the thing, or 404
--   POST /KIND/KEY/ACTION      cancel, void, ...: its state is ACTION, once for an Idempotency-Key
local core = require "core.http"
local json = require "json"

local service = {}
service.__index = service

--- `secret`: what a request must carry as a bearer.
function service.start(secret)
  local self = setmetatable({ secret = secret, things = {}, said = {}, seen = {} }, service)
  self.server = assert(core.listen("127.0.0.1", 0, {}, function(request, answer) self:take(request, answer) end))
  self.base_url = ("http://127.0.0.1:%d"):format(self.server:port())
  return self
end

local function reply(answer, status, value)
  answer(status, { ["Content-Type"] = "application/json" }, json.encode(value))
end

local function make(self, kind, key, body)
  local name = kind .. "/" .. key
  self.things[name] = { id = key, kind = kind, state = "made", body = body }
  return 201, { id = key, state = "made" }
end

local function act(self, kind, key, action)
  local thing = self.things[kind .. "/" .. key]
  if not thing then return 404, { error = "no such thing" } end
  thing.state = action
  return 200, { id = key, state = action }
end

--- What a POST does, and says: once for its key.
local function post(self, request, kind, rest)
  local header, body = request.headers["idempotency-key"], json.decode(request.body)
  if not header then return 400, { error = "an Idempotency-Key is needed" } end
  local before = self.said[header]
  if before then
    if before.path ~= request.path then return 409, { error = "that key was for " .. before.path } end
    return before.status, before.value
  end
  if type(body) ~= "table" then return 400, { error = "no JSON" } end
  local key, action = rest:match "^(.+)/(%a+)$"
  local status, value
  if rest == "" then status, value = make(self, kind, header, body) else status, value = act(self, kind, key or rest, action) end
  if status < 300 then self.said[header] = { path = request.path, status = status, value = value } end
  return status, value
end

function service:take(request, answer)
  self.seen[#self.seen + 1] = request
  if self.secret and request.headers.authorization ~= "Bearer " .. self.secret then return reply(answer, 401, { error = "who are you?" }) end
  local kind, rest = request.path:match "^/(%a+)/?(.*)$"
  if not kind then return reply(answer, 404, { error = "no such place" }) end
  if request.method == "GET" then
    local thing = self.things[kind .. "/" .. rest]
    return reply(answer, thing and 200 or 404, thing and { id = thing.id, state = thing.state } or { error = "no such thing" })
  end
  local status, value = post(self, request, kind, rest)
  local lost = self.lose
  self.lose = nil
  if lost then return reply(answer, 500, { error = "the answer was lost" }) end
  reply(answer, status, value)
end

--- Do what the next POST asks, and answer it with a 500.
function service:lose_next() self.lose = true end

--- How many things there are in a state ("made").
function service:count(state)
  local n = 0
  for _, thing in pairs(self.things) do
    if thing.state == state then n = n + 1 end
  end
  return n
end

function service:stop() self.server:close() end

return service
