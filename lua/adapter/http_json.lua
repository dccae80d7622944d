--- An adapter for services that speak JSON over HTTP, described in config.lua:
--
--   payments = { use = "http_json", base_url = "https://api.example.com/v1", hosts = { "api.example.com" },
--     secret = env "PAY_KEY", keys = true, timeout = "20s",
--     ops = { charge = { path = "/charges", probe = "/charges/{key}", undo = "refund", args = { sum = "number!" } },
--       refund = { path = "/charges/{key}/refund" }, get = { path = "/charges/{id}", method = "GET" },
--       ring = { path = "/bell", effect = "at_most_once" } } }
--
-- An op without a path goes to /NAME; with no `ops` at all every op does, as one that
-- happens at most once. A call POSTs its arguments as JSON, with an Idempotency-Key made of run and step, and the
-- secret as a bearer, to listed hosts only. `keys = true` says that the service honours the
-- key: then an op is idempotent, and without it at_most_once. `probe` is a path that is
-- GET after a crash: 2xx means "happened" and its JSON is the result, 404 "it did not",
-- all else that nobody knows. {key} and {FIELD} in a path are filled in, escaped. `args` says what
-- an op takes (the types of adapter/contract.lua), and then it takes nothing else.
--
-- What an op that changes something gives is what the service said, and always `key` and `sent`. An
-- op that undoes another is sent with the key of that, which {key} is, and "/undo" behind it in the
-- header: a service that keeps keys would else answer as it did to the first.
--
-- What went wrong is told apart by what it means for the effect: surely not sent, refused
-- by the server, try later, and (unknown = true) perhaps done. A 5xx is never proof that
-- nothing happened.
local contract = require "adapter.contract"
local http = require "http"
local json = require "json"
local secret = require "secret"
local shape = require "shape"

local adapter = {}
adapter.__index = adapter

local default_timeout_ms, most_bytes = 30000, 4 << 20

-- ---- what config.lua says ------------------------------------------------------------

local path = shape.text("^/[^%s#]*$", 'a path like "/charges/{key}"')

local function arg_type(value, at)
  if contract.is_type(value) then return value end
  shape.bad_value(at, ("it is one of %s, with ! behind it where it must be there"):format(table.concat(contract.type_names, " ")))
end
shape.says(arg_type, 'a type, like "text" or "text!"')

local op_shape = shape.record("an op of http_json", {
  path = path,
  method = shape.one_of { "POST", "PUT", "PATCH", "DELETE", "GET" },
  effect = shape.one_of { "read", "idempotent", "at_most_once" },
  keys = shape.flag, probe = path, undo = shape.text(), args = shape.map(arg_type),
  risk = shape.one_of { "read", "reversible", "outward", "irreversible" },
})

local function host_of(url) return (url:match("^https?://([^/?#]+)"):gsub(":%d+$", "")):lower() end

local function effect_of(entry, op)
  local keyed = op.keys
  if keyed == nil then keyed = entry.keys end
  return op.method == "GET" and "read" or keyed and "idempotent" or "at_most_once"
end

local function check_ops(value, at)
  for name, op in pairs(value.ops or {}) do
    op.path, op.effect = op.path or "/" .. name, op.effect or effect_of(value, op)
    if op.undo and not value.ops[op.undo] then
      shape.bad_value(shape.at(at, "ops", name, "undo"), ("there is no op '%s'"):format(op.undo))
    end
  end
end

--- The shape of an entry of `adapters` in config.lua. @param of  shapes of settings.lua:
--- { secret =, url =, host = }
function adapter.shape(of)
  local record = shape.record("an http_json adapter", {
    use = shape.text(), base_url = { of.url, required = true }, hosts = shape.list(of.host, 1), secret = of.secret,
    keys = { shape.flag, default = false }, timeout = { shape.duration, as = "timeout_ms", default = default_timeout_ms },
    ops = shape.map(op_shape),
  })
  return function(value, at)
    local entry = record(value, at)
    check_ops(entry, at)
    if not entry.hosts then entry.hosts = { host_of(entry.base_url) } end
    for _, host in ipairs(entry.hosts) do
      if host:lower():gsub(":%d+$", "") == host_of(entry.base_url) then return entry end
    end
    shape.bad_value(shape.at(at, "base_url"), ("its host %s is not among `hosts`"):format(host_of(entry.base_url)))
  end
end

--- `entry` as adapter.shape made it.
function adapter.open(_, name, entry)
  local undoes = {}
  for _, op in pairs(entry.ops or {}) do
    if op.undo then undoes[op.undo] = true end
  end
  return setmetatable({ name = name, entry = entry, ops = entry.ops or {}, undoes = undoes }, adapter)
end

-- ---- a request -------------------------------------------------------------------------

local function escaped(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function url_of(self, template, args, key)
  local missing
  local filled = template:gsub("{([%w_]+)}", function(field)
    local value = field == "key" and key or field ~= "key" and args[field] or nil
    if type(value) ~= "string" and type(value) ~= "number" then missing = missing or field end
    return escaped(value or "")
  end)
  if missing then
    error({ code = "wrong_use", number = "K3003", raise = true,
      message = ("adapter '%s' needs '%s' (text or a number) for %s"):format(self.name, missing, template) }, 0)
  end
  return self.entry.base_url:gsub("/+$", "") .. filled
end

local function body_of(args)
  local body, any = {}, false
  for k, v in pairs(args) do
    if k ~= "op" and k ~= "key" then body[k], any = v, true end
  end
  return any and json.encode(body) or "{}"
end

local function send(self, method, url, key, body)
  local headers = { accept = "application/json" }
  if body then headers["content-type"] = "application/json" end
  if key then headers["idempotency-key"] = key end
  if self.entry.secret then headers.authorization = "Bearer " .. secret.reveal(self.entry.secret) end
  return http.request { method = method, url = url, headers = headers, body = body,
    limits = { total_ms = self.entry.timeout_ms, first_byte_ms = self.entry.timeout_ms, body_bytes = most_bytes } }
end

--- The JSON of a reply, or, when it is none, what came: { status, text }.
local function value_of(reply)
  local value = reply.body ~= "" and json.decode(reply.body)
  if value ~= nil and value ~= false then return value end
  return { status = reply.status, text = reply.body ~= "" and reply.body or nil }
end

-- ---- what went wrong ---------------------------------------------------------------------

local function failure(self, code, text, more)
  local err = more or {}
  err.code, err.message = code, ("adapter '%s': %s"):format(self.name, text)
  return nil, err
end

--- No reply, or half of one: was it sent?
local function broken(self, message, outcome, detail)
  if outcome == "bad_url" then return failure(self, "invalid_request", message, { retry = false }) end
  if not (detail and detail.sent) then
    return failure(self, outcome == "timeout" and "timeout" or "unreachable", message, { retry = true })
  end
  return failure(self, outcome == "timeout" and "timeout" or "connection_lost", message, { retry = true, unknown = true })
end

local function after_ms(reply)
  local seconds = tonumber(reply.headers["retry-after"])
  return seconds and seconds >= 0 and math.tointeger(math.ceil(seconds * 1000)) or nil
end

--- What a server says by refusing: nothing was done.
local refused = { [401] = "auth", [403] = "auth", [408] = "timeout", [425] = "overloaded", [429] = "rate_limited" }
local later = { [408] = true, [425] = true, [429] = true }

--- A reply that is no success.
local function bad_status(self, reply)
  local text = ("the server answered %d"):format(reply.status)
  local said = json.decode(reply.body)
  local why = type(said) == "table" and (type(said.message) == "string" and said.message
    or type(said.error) == "string" and said.error or type(said.error) == "table" and said.error.message)
  if type(why) == "string" then text = text .. ": " .. why:sub(1, 200):gsub("%c", " ") end
  local code = refused[reply.status]
  if code or reply.status < 500 then
    return failure(self, code or "invalid_request", text, { retry = later[reply.status] or false, after_ms = after_ms(reply) })
  end
  return failure(self, reply.status == 503 and "overloaded" or "server_error", text,
    { retry = true, unknown = true, after_ms = after_ms(reply) })
end

-- ---- the contract of adapters (lua/adapter.lua) ----------------------------------------------

--- What an effect gave: what the service said, with the key under which it was done.
local function given(value, key)
  if type(value) ~= "table" or json.is_list(value) then value = { value = value } end
  if value.key == nil then value.key = key end
  if value.sent == nil then value.sent = true end
  return value
end

--- `said` is the key as the service is told it, where that is another.
local function perform(self, op, args, key, said)
  local method = op.method or "POST"
  local body = method ~= "GET" and method ~= "DELETE" and body_of(args) or nil
  local reply, message, outcome, detail = send(self, method, url_of(self, op.path, args, key),
    op.effect ~= "read" and (said or key) or nil, body)
  local value, err
  if not reply then value, err = broken(self, message, outcome, detail)
  elseif reply.status >= 200 and reply.status < 300 then return op.effect == "read" and value_of(reply) or given(value_of(reply), key)
  else value, err = bad_status(self, reply) end
  if op.effect == "read" then err.unknown = nil end
  return value, err
end

local function probe(self, op, args, key)
  local reply = send(self, "GET", url_of(self, op.probe, args, key))
  if not reply then return "unknown" end
  if reply.status >= 200 and reply.status < 300 then return "happened", given(value_of(reply), key) end
  return reply.status == 404 and "not" or "unknown"
end

--- The fields of the body of an undo: what was asked and what came of it.
local function undo_args(cmd, key, result)
  local args = { ["of"] = key, result = result }
  for k, v in pairs(cmd.args) do
    if k ~= "op" and k ~= "key" then args[k] = v end
  end
  for k, v in pairs(type(result) == "table" and result or {}) do
    if type(k) == "string" and args[k] == nil then args[k] = v end
  end
  return args
end

function adapter:op(name)
  local op = self.ops[name]
  if not op and not self.entry.ops and name:find("^[%w_.-]+$") then
    op = { path = "/" .. name, effect = effect_of(self.entry, {}) }
    self.ops[name] = op
  end
  if not op then return nil end
  local undo = op.undo and self.ops[op.undo]
  local said = self.undoes[name] and function(key) return key .. "/undo" end or function() end
  return {
    effect = op.effect, risk = op.risk or "outward", keeps = true,
    perform = function(cmd, key)
      if op.args then contract.check(self, name, op, cmd.args) end
      return perform(self, op, cmd.args, key, said(key))
    end,
    probe = op.probe and function(cmd, key) return probe(self, op, cmd.args, key) end,
    --- Takes an effect back that happened with `result`, under a key of its own.
    undo = undo and function(cmd, key, result) return perform(self, undo, undo_args(cmd, key, result), key, key .. "/undo") end,
  }
end

return adapter
