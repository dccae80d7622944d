--- Language models, and no call leaves unreserved.
--
--   local model = require "model"
--   local m = assert(model.open { settings = settings, store = store })
--   local answer, message, code = m:ask { tier = "small", prompt = "Say hello." }
--   if answer then print(answer.text, answer.cost_picousd) end
--   answer = m:ask { tier = "small", prompt = "...", schema = { type = "object", ... } }
--   if answer then print(answer.value.label) end
--
-- A tier is a list of candidates (provider, model, price) of the settings, tried in
-- order. One attempt is: hold the most it can cost in every budget, send, read, and
-- settle to what it cost; what nobody knows counts as spent ("estimated"). Retries live
-- here and nowhere else, each attempt is a row of the ledger, and one deadline holds for
-- all of them. An answer is { text or value, stop, model, usage = {input, output,
-- cached}, cost_picousd, estimated, ms, attempts }; cost and estimated cover every
-- attempt of the call. The codes of a failure are those of the command `keel model`;
-- a fourth value tells { status, attempts, cost_picousd, estimated, text, retry_after_ms }.
local budget = require "budget"
local clock = require "core.clock"
local http = require "http"
local json = require "json"
local loop = require "loop"
local money = require "money"

local answers = require "model.answer"
local price = require "model.price"
local request = require "model.request"
local retry = require "model.retry"
local tiers = require "model.tiers"
local ndjson = require "ndjson"
local sse = require "sse"

local model = {}
model.__index = model

local body_limit = 16 << 20

-- ---- opening ---------------------------------------------------------------------

--- Budget limits as the settings have them (day_picousd), or as config.lua has them
-- (day = "$5.00").
local function limits_of(raw)
  local out = {}
  for key, value in pairs(raw or {}) do
    if type(value) == "string" then
      local picousd, message = money.parse(value)
      if not picousd then return nil, ("budget.%s: %s"):format(key, message) end
      out[key .. "_picousd"] = picousd
    else
      out[key] = value
    end
  end
  return out
end

--- options: settings ({tiers, budget, zone} of config.lua); store (a store that dies
-- with the process when absent: the budget then holds for this process only); commit(tx)
-- (see budget.lua); books (a budget that is open already); now(), chance() (0 to 1),
-- sleep(ms), retry {attempts, base_ms, most_ms, patience_ms}.
function model.open(options)
  local config = options.settings or {}
  local limits, message = limits_of(config.budget)
  if not limits then return nil, message, "input" end
  local self = setmetatable({
    tiers = tiers.read(config), now = options.now or clock.now_ms, sleep = options.sleep or loop.sleep,
    chance = options.chance or function() return (clock.random() & 0xffffff) / 0x1000000 end,
    policy = setmetatable(options.retry or {}, { __index = retry }),
  }, model)
  self.store = options.store or assert(require("store").open(":memory:"))
  local code
  self.books = options.books
  if not self.books then
    self.books, message, code = budget.open { store = self.store, limits = limits, zone = config.zone, now = self.now,
      commit = options.commit }
  end
  if not self.books then return nil, message, code end
  return self
end

-- ---- one attempt -------------------------------------------------------------------

--- Nothing of a key may get into a message: servers like to quote what they were sent.
local function clean(entry, text)
  text = tostring(text):gsub("[%c]+", " ")
  if #entry.key >= 4 then
    local from = 1
    while true do
      local at, stop = text:find(entry.key, from, true)
      if not at then break end
      text = text:sub(1, at - 1) .. "***" .. text:sub(stop + 1)
      from = at + 3
    end
  end
  text = text:gsub("sk%-[%w_%-*.]+", "***")
  if #text > 300 then text = text:sub(1, (utf8.offset(text, 0, 297) or 297) - 1) .. "..." end
  return text
end

local by_outcome = { bad_url = "invalid_request", connect = "connection_lost", tls = "connection_lost",
  timeout = "timeout", lost = "connection_lost", cut = "connection_lost", too_large = "too_large",
  protocol = "bad_response", ["local"] = "connection_lost" }

--- A failure: its code and words, and what it means for the money: `charge` is "none"
-- (the bound is released) or "unknown" (it counts as spent).
local function transport_failure(entry, message, outcome, detail, streamed)
  local code = by_outcome[outcome] or "connection_lost"
  if streamed and detail.begun and (outcome == "cut" or outcome == "timeout") then code = "stream_cut" end
  return { code = code, message = clean(entry, message), sent = detail.sent, began = detail.begun, begun = detail.begun,
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

local function status_failure(entry, asked, reply)
  local decoded = json.decode(reply.body)
  local code, message = entry.dialect.failure(reply.status, decoded)
  if reply.status >= 300 and reply.status < 400 then code, message = "bad_response", "it answers with a redirect" end
  return { code = code, message = clean(entry, message), status = reply.status, headers = reply.headers, sent = true,
    begun = true, charge = charge_of(reply.status),
    adapted = entry.dialect.adapt(entry.traits, reply.status, reply.body, asked) }
end

local function whole_answer(entry, asked, reply)
  local failure = { status = reply.status, headers = reply.headers, sent = true, begun = true, charge = "unknown" }
  local decoded = is_json(reply.headers) and json.decode(reply.body)
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

--- Feeds the pieces of a streamed reply; `stream.failure` is set when it goes wrong.
local function new_stream(entry, asked)
  local stream = { joined = entry.dialect.stream(), said = false }
  local wanted = entry.dialect.stream_kind
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
    local kind = headers["content-type"] or ""
    if status ~= 200 or not kind:lower():find(wanted, 1, true) then
      stream.other = (stream.other or "") .. piece
      return
    end
    local ok, message, code = parser:feed(piece)
    if not ok then stream.failure = stream.failure or { code = code, message = message } end
  end
  function stream.finish()
    if parser.finish and not stream.failure then parser:finish() end
  end
  return stream
end

local function stream_answer(entry, asked, stream, reply)
  if stream.other then
    reply.body = stream.other
    return whole_answer(entry, asked, reply)
  end
  stream.finish()
  local answer, message, code, usage, text = stream.joined.answer()
  local failure = stream.failure
  if not failure and answer then return answer end
  failure = failure or { code = code, message = message }
  failure.usage, failure.text, failure.said_text = usage, text, stream.said
  failure.status, failure.headers, failure.sent, failure.begun, failure.charge = 200, reply.headers, true, true, "unknown"
  return nil, failure
end

--- Send one request and read its reply: an answer, or nil and a failure.
local function send(entry, asked, wire, left_ms)
  if entry.dialect.at_hand then return entry.dialect.reply(asked, entry) end
  local stream = asked.on_text and new_stream(entry, asked)
  if stream then wire.on_data = stream.take end
  wire.limits = { connect_ms = math.min(10000, left_ms), first_byte_ms = left_ms, total_ms = left_ms,
    stall_ms = math.min(60000, left_ms), body_bytes = body_limit }
  local reply, message, outcome, detail = http.request(wire)
  if not reply then
    local failure = transport_failure(entry, message, outcome, detail, stream)
    if stream and stream.said then
      failure.said_text = true
      failure.text = select(5, stream.joined.answer())
    end
    return nil, failure
  end
  if reply.status < 200 or reply.status >= 300 then
    if stream and stream.other then reply.body = stream.other end
    return nil, status_failure(entry, asked, reply)
  end
  local answer, failure
  if stream then
    answer, failure = stream_answer(entry, asked, stream, reply)
  else
    answer, failure = whole_answer(entry, asked, reply)
  end
  (answer or failure).request_id = reply.headers["x-request-id"] or reply.headers["request-id"]
  return answer, failure
end

--- End the reservation as the outcome says. Returns the cost that counts, whether it is
-- an estimate, and the usage that was told.
local function settle(self, held, entry, outcome, tx)
  local usage = price.usage(outcome.usage)
  local ok, message, code
  if usage then
    local cost = price.cost(entry.price, usage)
    ok, message, code = self.books:settle(held, { cost = cost, input = usage.input, output = usage.output,
      cached = usage.cached, request_id = outcome.request_id }, tx)
    if ok then return cost, false, usage end
  elseif outcome.charge == "none" then
    ok, message, code = self.books:release(held, outcome.code, outcome.request_id, tx)
    if ok then return 0, false end
  else
    ok, message, code = self.books:estimate(held, outcome.code or "no usage was told", outcome.request_id, tx)
    if ok then return held.money, true end
  end
  return nil, message, code
end

-- ---- a call: candidates, attempts, repairs ---------------------------------------------

--- What a call of several attempts adds up to.
local function add(sum, cost, estimated, usage)
  sum.cost = sum.cost + cost
  sum.estimated = sum.estimated or estimated
  if usage then
    for _, key in ipairs { "input", "output", "cached" } do sum.usage[key] = sum.usage[key] + usage[key] end
  end
end

local function reserve(self, call, entry, body)
  local bound, tokens = price.bound(entry.price, #body, call.asked.max_tokens)
  local who = call.who
  return self.books:reserve {
    money = bound, tokens = tokens, run = who.run, agent = who.agent, seq = who.seq, limits = who.limits,
    attempt = call.sum.attempts + 1, tier = call.asked.tier, provider = entry.provider, model = entry.model,
    price = entry.price_text,
    deadline = call.deadline,
  }
end

--- One attempt from reservation to outcome; the reservation is still open when an answer
-- comes, because its end may belong to a transaction of the caller's.
local function attempt(self, call, entry, asked)
  local url, headers, body = entry.dialect.request(asked, entry, entry.traits)
  local bytes, why = json.encode(body)
  if not bytes then return nil, { code = "invalid_request", message = why } end
  local held, message, code, detail = reserve(self, call, entry, bytes)
  if not held then
    if code ~= "budget" then return nil, { code = "store", message = message, store_code = code } end
    return nil, { code = "budget", message = message, detail = detail }
  end
  call.sum.attempts = call.sum.attempts + 1
  local left_ms = math.min(call.deadline - self.now(), entry.timeout_ms or math.huge)
  if left_ms <= 0 then
    self.books:release(held, "timeout")
    return nil, { code = "timeout", message = "no time is left for another attempt" }
  end
  local answer, failure = send(entry, asked, { url = url, method = "POST", headers = headers, body = bytes }, left_ms)
  if answer then
    answer.held = held
    return answer
  end
  local cost, estimated, usage = settle(self, held, entry, failure)
  if not cost then return nil, { code = "store", message = estimated, store_code = usage } end
  add(call.sum, cost, estimated, usage)
  return nil, failure
end

--- Attempts with one candidate until one is answered, or sending again is no use.
local function insist(self, call, entry, asked)
  local tries, adaptations = 0, 0
  while true do
    entry.turns:enter()
    local ran, answer, failure = xpcall(attempt, debug.traceback, self, call, entry, asked)
    entry.turns:leave()
    if not ran then error(answer, 0) end
    if answer then return answer end
    if failure.adapted and adaptations < 3 then
      adaptations = adaptations + 1
    else
      tries = tries + 1
      if tries >= self.policy.attempts or not retry.again(failure) then return nil, failure end
      local wait_ms, told = retry.wait_ms(self.policy, failure.headers, tries, self.now(), self.chance())
      failure.retry_after_ms = told and wait_ms or nil
      if wait_ms > self.policy.patience_ms or self.now() + wait_ms >= call.deadline then return nil, failure end
      self.sleep(wait_ms)
    end
  end
end

--- Why an answer is not one that the caller can use: nil, or a failure.
local function unusable(answer, asked)
  if answer.stop == "filtered" or answer.refusal then
    return { code = "content_filter", message = answer.refusal or "the provider's filter stopped the answer" }
  end
  if asked.validator and answer.stop == "length" then
    return { code = "bad_response", message = ("the answer was cut at max_tokens (%d)"):format(asked.max_tokens) }
  end
end

--- Ask one candidate, and let it mend a structured answer that does not fit. Returns the
-- answer with its reservation still open (value set), or nil, failure.
local function consult(self, call, entry)
  local asked = call.asked
  for repairs_left = asked.repairs or 2, 0, -1 do
    local answer, failure = insist(self, call, entry, asked)
    if not answer then return nil, failure end
    failure = unusable(answer, asked)
    local fitting, problem
    if not failure then
      if not asked.validator then return answer end
      fitting, problem = answers.check(asked.validator, answer.text)
      if fitting then
        answer.value = fitting.value
        return answer
      end
      failure = { code = "bad_response", message = clean(entry, "the answer does not fit the schema: " .. problem), text = answer.text }
    end
    local cost, estimated, usage = settle(self, answer.held, entry, answer)
    if not cost then return nil, { code = "store", message = estimated, store_code = usage } end
    add(call.sum, cost, estimated, usage)
    if not problem or repairs_left == 0 then return nil, failure end
    asked = answers.repair(asked, answer.text, problem)
  end
end

--- Whether the request can fit a context at all: a token rarely holds over five bytes.
local function too_long(entry, asked)
  if not entry.context then return false end
  local bytes = 0
  for _, message in ipairs(asked.messages) do bytes = bytes + #message.content end
  return bytes // 5 + asked.max_tokens > entry.context
end

local function try_candidates(self, call, list)
  local failure
  for _, entry in ipairs(list) do
    call.asked.max_tokens = math.min(call.max_tokens, entry.max_output or math.huge)
    local answer
    if entry.problem then
      failure = failure or { code = "invalid_request", message = ("%s cannot be called: %s"):format(entry.model, entry.problem) }
    elseif too_long(entry, call.asked) then
      failure = { code = "context_length", message = ("the request does not fit the context of %s"):format(entry.model) }
    else
      answer, failure = consult(self, call, entry)
      if answer then return answer, entry end
      failure.model = entry.model
      if not retry.elsewhere(failure) then return nil, failure end
    end
  end
  return nil, failure
end

local function failed(call, failure)
  return nil, failure.message, failure.code == "store" and failure.store_code or failure.code, {
    status = failure.status, model = failure.model, text = failure.text, retry_after_ms = failure.retry_after_ms,
    attempts = call.sum.attempts, cost_picousd = call.sum.cost, estimated = call.sum.estimated, budget = failure.detail,
  }
end

--- Ask a model. `who` may tell for whom: run, agent, seq, limits (the agent's budget), and
-- tx, a transaction that gets the settlement of the answer, so that both become true
-- together. Returns an answer, or nil, message, code, detail.
function model:ask(raw, who)
  local asked, message = request.read(raw)
  if not asked then return nil, message, "invalid_request", { attempts = 0, cost_picousd = 0, estimated = false } end
  local list = self.tiers[asked.tier]
  if not list or not list[1] then
    return nil, ("tier '%s' has no model in config.lua"):format(asked.tier), "invalid_request",
      { attempts = 0, cost_picousd = 0, estimated = false }
  end
  local began = self.now()
  local call = { asked = asked, who = who or {}, deadline = began + asked.timeout,
    max_tokens = asked.max_tokens or request.default_max_tokens,
    sum = { cost = 0, estimated = false, attempts = 0, usage = { input = 0, output = 0, cached = 0 } } }
  local answer, entry = try_candidates(self, call, list)
  if not answer then return failed(call, entry) end
  local cost, estimated, usage = settle(self, answer.held, entry, answer, call.who.tx)
  if not cost then return nil, estimated, usage end
  add(call.sum, cost, estimated, usage)
  return {
    text = answer.value == nil and answer.text or nil, value = answer.value, stop = answer.stop,
    model = answer.model or entry.model, usage = call.sum.usage, cost_picousd = call.sum.cost,
    estimated = call.sum.estimated, ms = self.now() - began, attempts = call.sum.attempts,
  }
end

return model
