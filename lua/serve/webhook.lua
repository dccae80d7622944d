--- POST /events/TYPE: events from other programs.
--
-- Who may: a request signed with the secret of config.http.webhooks[TYPE], or one that
-- shows the token of var/token. The signature is HMAC-SHA256 over `timestamp.body`, so it
-- holds for five minutes; within them the same signature is one event for ever, whatever
-- key the request names, because the header that names it is not signed.
--
-- The answer comes when the event is durable: 202 for a new one, 200 for a known one.
local core = require "core.http"
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"
local secret = require "secret"

local webhook = {}

--- How far a request's clock may be from ours, either way.
local tolerance_s = 300

local max_key_bytes, max_type_bytes = 256, 128

--- Whether a request is for this door.
function webhook.is_for(request)
  return request.path:find("^/events/") ~= nil
end

local function refused(status, number, fields)
  return { status = status, err = errors.new(number, fields) }
end

local function type_of(request)
  local kind = request.path:match("^/events/(.+)$") or ""
  if #kind <= max_type_bytes and kind:find("^[%w_]+[%w_.%-]*$") then return kind end
  return nil, refused(400, "K1004", { name = "the event's type", next = "keel help serve",
    detail = "expected a name like form.submitted behind /events/" })
end

--- The signature of `body` at a time, in hex.
function webhook.sign(key, timestamp, body)
  return digest.hmac(key, timestamp .. "." .. body)
end

--- nil when the request is signed as it should be, else the refusal. Beside it the
--- signature, which names the request.
local function check_signature(e, kind, request)
  local hook = e.settings.http.webhooks[kind]
  local key = hook and hook.secret and secret.reveal(hook.secret)
  if not key or key == "" then return refused(403, "K1031", { name = kind }) end
  local given = (request.headers["x-keel-signature"] or ""):match("^sha256=(%x+)$")
  local timestamp = (request.headers["x-keel-timestamp"] or ""):match("^%d+$")
  local seconds = timestamp and #timestamp <= 12 and math.tointeger(tonumber(timestamp))
  if not given or #given ~= 64 or not seconds then
    return refused(401, "K1030", { name = kind, detail = "expected X-Keel-Timestamp in seconds and X-Keel-Signature: sha256=HEX" })
  end
  if not core.same(given:lower(), webhook.sign(key, timestamp, request.body)) then
    return refused(401, "K1030", { name = kind, detail = "the signature is another" })
  end
  if math.abs(e.clock() // 1000 - seconds) > tolerance_s then
    return refused(401, "K1030", { name = kind, detail = "its time is more than 5 minutes from this machine's" })
  end
  return nil, given:lower()
end

local function key_of(request)
  local key = request.headers["idempotency-key"]
  if key == nil then return nil end
  if key ~= "" and #key <= max_key_bytes and utf8.len(key) and not key:find("%c") then return key end
  return nil, refused(400, "K1004", { name = "the Idempotency-Key header", next = "keel help serve",
    detail = ("expected 1 to %d bytes of text"):format(max_key_bytes) })
end

local function payload_of(request)
  if request.body == "" then return {} end
  local value, message = json.decode(request.body)
  if message == nil then return value end
  return nil, refused(400, "K1010", { detail = message, next = "keel help emit" })
end

--- What becomes of a request: { status, value } or { status, err }.
local function take(e, request, has_token)
  if request.method ~= "POST" then
    return refused(405, "K1004", { name = "the method", detail = "this path knows POST" })
  end
  local kind, bad = type_of(request)
  if bad then return bad end
  local signature
  if not has_token then
    bad, signature = check_signature(e, kind, request)
    if bad then return bad end
  end
  local key, payload
  key, bad = key_of(request)
  if bad then return bad end
  payload, bad = payload_of(request)
  if bad then return bad end
  local event, err = e:emit(kind, payload, { key = key, seal = signature and kind .. "/" .. signature,
    trust = signature and "external" or "owner" })
  if not event then return { status = errors.exit_code(err) == 9 and 503 or 400, err = err } end
  return { status = event.new and 202 or 200, value = { new = event.new, id = event.id } }
end

--- Answer a request for this door; `has_token` says that it shows the owner's. In a task.
function webhook.handle(e, request, answer, has_token)
  local result = take(e, request, has_token)
  local headers = { ["Content-Type"] = "application/json", ["Cache-Control"] = "no-store",
    ["X-Content-Type-Options"] = "nosniff" }
  if result.status == 405 then headers.Allow = "POST" end
  answer(result.status, headers, json.encode(result.value or errors.json(result.err)) .. "\n")
end

return webhook
