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
-- a fourth value tells { status, attempts, cost_picousd, estimated, text, retry_after_ms,
-- trace }. `trace` lists what was tried, and what was not and why: { model, provider,
-- outcome, status, ms, cost_picousd, estimated, why, request_id, waited_ms }.
local budget = require "budget"
local clock = require "core.clock"
local json = require "json"
local loop = require "loop"
local money = require "money"

local answers = require "model.answer"
local price = require "model.price"
local recorded = require "model.recorded"
local request = require "model.request"
local retry = require "model.retry"
local send = require "model.send"
local tiers = require "model.tiers"
local tools = require "model.tools"
local wire = require "model.wire"

local model = {}
model.__index = model

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
-- and submit(tx, fn) (see budget.lua); books (a budget that is open already); now(),
-- chance() (0 to 1), sleep(ms), retry {attempts, base_ms, most_ms, patience_ms};
-- on_alert(alert), on_stop(agent, row, tx) (see budget.lua).
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
      commit = options.commit, submit = options.submit, on_alert = options.on_alert, on_stop = options.on_stop }
  end
  if not self.books then return nil, message, code end
  return self
end

--- Give back what is held for calls to come; those that are out end as they do.
function model:close()
  self.books:close()
end

-- ---- one attempt -------------------------------------------------------------------

--- End the reservation as the outcome says. Returns the cost that counts, whether it is
-- an estimate, and the usage that was told.
local function settle(self, held, entry, outcome, tx)
  local usage, rates = price.usage(outcome.usage), held.price or entry.price
  local at_least = not usage and outcome.told and price.usage(outcome.told)
  -- a stream that was cut had told of more already than was held
  at_least = at_least and price.cost(rates, at_least) > held.money and at_least or nil
  usage = usage or at_least
  local ok, message, code
  if usage then
    local cost = price.cost(rates, usage)
    usage.cost, usage.request_id, usage.error = cost, outcome.request_id, at_least and "cut, at least this" or outcome.code
    ok, message, code = self.books:settle(held, usage, tx)
    if ok then return cost, at_least ~= nil, usage end
  elseif outcome.charge == "none" then
    ok, message, code = self.books:release(held, outcome.code, outcome.request_id, tx)
    if ok then return 0, false end
  else
    ok, message, code = self.books:estimate(held, outcome.code or "no usage was told", outcome.request_id, tx)
    if ok then return held.money, true end
  end
  return nil, message, code
end

--- What a call of several attempts adds up to.
local function add(call, step, cost, estimated, usage)
  local sum = call.sum
  sum.cost = sum.cost + cost
  sum.estimated = sum.estimated or estimated
  step.cost_picousd, step.estimated = cost, estimated or nil
  if not usage then return end
  local total = sum.usage
  total.input, total.output, total.cached = total.input + usage.input, total.output + usage.output, total.cached + usage.cached
end

local function claim_of(call, entry, body)
  local asked, who = call.asked, call.who
  local rates = asked.service and entry.price.services and entry.price.services[asked.service] or entry.price
  local size = entry.dialect.size and entry.dialect.size(asked, entry) or #body + wire.unseen(asked)
  local bound, tokens = price.bound(rates, size, asked.max_tokens)
  return {
    money = bound, tokens = tokens, run = who.run, agent = who.agent, seq = who.seq, limits = who.limits,
    attempt = call.sum.attempts + 1, tier = asked.tier, provider = entry.provider, model = entry.model,
    price = entry.price_text, deadline = 0,
  }, rates
end

--- Hold what the attempt can cost, inside of a turn. Who has to wait for room in a budget
-- gives the turn to others meanwhile.
local function reserve(self, call, entry, body)
  local claim, rates = claim_of(call, entry, body)
  local held, message, code, detail = self.books:reserve(claim)
  if not held and code == "budget" and detail and detail.throttle then
    entry.endpoint:leave()
    claim.deadline = call.deadline
    local began = self.now()
    held, message, code, detail = self.books:reserve(claim)
    call.waited_ms = (call.waited_ms or 0) + self.now() - began
    entry.endpoint:enter(call.who.agent)
  end
  if held then held.price = rates end
  return held, message, code, detail
end

--- A failure of our own: nothing was sent.
local function own_failure(code, message, more)
  local failure = more or {}
  failure.code, failure.message, failure.charge = code, message, "none"
  return failure
end

--- One attempt from reservation to outcome; the reservation is still open when an answer
-- comes, because its end may belong to a transaction of the caller's.
local function attempt(self, call, entry, asked, step)
  local used = entry.traits
  local url, headers, body = entry.dialect.request(asked, entry, used)
  local bytes, why = json.encode(body)
  if not bytes then return nil, own_failure("invalid_request", why) end
  local held, message, code, detail = reserve(self, call, entry, bytes)
  if not held then
    if code ~= "budget" then return nil, own_failure("store", message, { store_code = code }) end
    return nil, own_failure("budget", message, { detail = detail })
  end
  call.sum.attempts = call.sum.attempts + 1
  local token = call.who.token
  local left_ms = math.min(call.deadline - self.now(), entry.timeout_ms or math.huge)
  if left_ms <= 0 or token and token.cancelled then
    code = left_ms <= 0 and "timeout" or "cancelled"
    self.books:release(held, code)
    return nil, own_failure(code, code == "timeout" and "no time is left for another attempt" or "nobody waits for this")
  end
  local answer, failure = send.once(entry, asked, used, url, headers, bytes, left_ms, token)
  if answer then
    answer.held = held
    return answer
  end
  local cost, estimated, usage = settle(self, held, entry, failure)
  if not cost then return nil, own_failure("store", estimated, { store_code = usage }) end
  add(call, step, cost, estimated, usage)
  return nil, failure
end

local function note(call, entry, what)
  what.provider, what.model = entry.provider, entry.model
  call.trace[#call.trace + 1] = what
  return what
end

--- One attempt in its turn, told in the trace.
local function in_turn(self, call, entry, asked)
  local began = self.now()
  local step = note(call, entry, { attempt = call.sum.attempts + 1 })
  entry.endpoint:enter(call.who.agent)
  local ran, answer, failure = xpcall(attempt, debug.traceback, self, call, entry, asked, step)
  entry.endpoint:leave()
  if not ran then error(answer, 0) end
  local now = self.now()
  step.ms, step.waited_ms = now - began, call.waited_ms
  call.waited_ms = nil
  entry.endpoint:note(failure and failure.code, now)
  if answer then
    step.outcome, step.request_id = "answered", answer.request_id
    answer.step = step
    return answer
  end
  step.outcome, step.status, step.request_id, step.why = failure.code, failure.status, failure.request_id, failure.message
  return nil, failure
end

--- Wait before another try, when there is to be one.
local function may_wait(self, call, entry, failure, tries)
  if tries >= self.policy.attempts or not retry.again(failure) then return false end
  local now = self.now()
  local wait_ms, told = retry.wait_ms(self.policy, failure.headers, tries, now, self.chance())
  failure.retry_after_ms = told and wait_ms or nil
  if wait_ms > self.policy.patience_ms or now + wait_ms >= call.deadline then return false end
  if told then entry.endpoint:pause_until(now + wait_ms) end
  local token = call.who.token
  if token and token.cancelled then return false end
  self.sleep(wait_ms)
  return true
end

--- Attempts with one candidate until one is answered, or sending again is no use.
local function insist(self, call, entry, asked)
  local tries, adaptations = 0, 0
  while true do
    local answer, failure = in_turn(self, call, entry, asked)
    if answer then return answer end
    if failure.adapted and adaptations < 3 then
      adaptations = adaptations + 1
    else
      tries = tries + 1
      if not may_wait(self, call, entry, failure, tries) then return nil, failure end
    end
  end
end

-- ---- a call: candidates, repairs ---------------------------------------------------------

--- Why an answer is not one that the caller can use: nil, or a failure.
local function unusable(entry, answer, asked)
  if answer.stop == "filtered" or answer.refusal then
    return { code = "content_filter", message = answer.refusal and send.clean(entry, answer.refusal)
      or "the provider's filter stopped the answer" }
  end
  if (asked.validator or answer.calls) and answer.stop == "length" then
    return { code = "bad_response", message = ("the answer was cut at max_tokens (%d)"):format(asked.max_tokens) }
  end
end

--- What an answer lacks of what was asked: nothing, or the failure that it is, and the
-- request that asks for a better one. A value that fits is put into the answer.
local function lacking(entry, asked, answer)
  local fine, problem = tools.check(asked, answer)
  if not fine then
    return { code = "bad_response", message = send.clean(entry, problem), text = answer.text }, tools.repair(asked, answer)
  end
  if answer.calls or not asked.validator then return nil end
  local fitting
  fitting, problem = answers.check(asked.validator, answer.text)
  if not fitting then
    return { code = "bad_response", message = send.clean(entry, "the answer does not fit the schema: " .. problem),
      text = answer.text }, answers.repair(asked, answer.text, problem)
  end
  answer.value = fitting.value
end

--- Ask one candidate, and let it mend an answer whose value or calls do not fit. Returns
-- the answer with its reservation still open (value set), or nil, failure.
local function consult(self, call, entry)
  local asked = call.asked
  for repairs_left = asked.repairs or 2, 0, -1 do
    local answer, failure = insist(self, call, entry, asked)
    if not answer then return nil, failure end
    local better
    failure = unusable(entry, answer, asked)
    if not failure then
      failure, better = lacking(entry, asked, answer)
      if not failure then return answer end
    end
    answer.step.outcome, answer.step.why = failure.code, failure.message
    local cost, estimated, usage = settle(self, answer.held, entry, answer)
    if not cost then return nil, own_failure("store", estimated, { store_code = usage }) end
    add(call, answer.step, cost, estimated, usage)
    -- what was heard already cannot be taken back
    if not better or repairs_left == 0 or asked.on_text and not asked.unheard and answer.text ~= "" then return nil, failure end
    asked = better
  end
end

--- Whether the request can fit a context at all: a token rarely holds over five bytes.
local function too_long(entry, asked)
  if not entry.context then return false end
  local bytes = asked.system and #asked.system or 0
  for _, message in ipairs(asked.messages) do
    if type(message.content) == "string" then bytes = bytes + #message.content end
  end
  return bytes // 5 + asked.max_tokens > entry.context
end

--- Why this candidate is not asked at all: nil, or a failure. What a request needs decides:
-- a schema, tools, the length of a context; and how the server fared lately.
local function passed_over(self, call, entry)
  local asked, now = call.asked, self.now()
  if entry.problem then
    return { code = "invalid_request", message = ("%s cannot be called: %s"):format(entry.model, entry.problem) }
  end
  if asked.tools and entry.tools == false then
    return { code = "invalid_request", message = ("%s takes no tools"):format(entry.model) }
  end
  if asked.service and not (entry.price.services and entry.price.services[asked.service]) and not entry.price.free then
    return { code = "invalid_request", message = ("%s has no price for the service '%s'"):format(entry.model, asked.service) }
  end
  if too_long(entry, asked) then
    return { code = "context_length", message = ("the request does not fit the context of %s"):format(entry.model) }
  end
  local rest_ms = entry.endpoint:closed_for(now)
  if rest_ms then
    return { code = "overloaded", retry_after_ms = rest_ms, message =
      ("%s failed %d times in a row and is left alone for %d ms"):format(entry.model, entry.endpoint.failures, rest_ms) }
  end
  local pause_ms = entry.endpoint:pause_ms(now)
  if now + pause_ms >= call.deadline then
    return { code = "rate_limited", retry_after_ms = pause_ms, message = ("%s asked to be left alone"):format(entry.model) }
  end
end

local function try_candidates(self, call, list)
  local failure
  for _, entry in ipairs(list) do
    call.asked.max_tokens = math.min(call.max_tokens, entry.max_output or math.huge)
    local why = passed_over(self, call, entry)
    if why then
      note(call, entry, { outcome = "passed over", why = why.message })
      if not failure or entry.problem == nil then failure = why end
    else
      local pause_ms = entry.endpoint:pause_ms(self.now())
      if pause_ms > 0 then self.sleep(pause_ms) end
      local answer
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
    trace = call.trace,
  }
end

local function nothing_asked(message, trace)
  return nil, message, "invalid_request", { attempts = 0, cost_picousd = 0, estimated = false, trace = trace or {} }
end

--- Ask a model. `who` may tell for whom: run, agent, seq, limits (the agent's budget);
-- tx, a transaction that gets the settlement of the answer, so that both become true
-- together; token, a table in which `cancel` is put: calling it gives the call up.
-- Returns an answer, or nil, message, code, detail.
function model:ask(raw, who)
  local asked, message = request.read(raw)
  if not asked then return nothing_asked(message) end
  local list = self.tiers[asked.tier]
  if not list or not list[1] then return nothing_asked(("tier '%s' has no model in config.lua"):format(asked.tier)) end
  local began = self.now()
  asked.who = who
  local call = { asked = asked, who = who or {}, deadline = began + asked.timeout, trace = {},
    max_tokens = asked.max_tokens or request.default_max_tokens,
    sum = { cost = 0, estimated = false, attempts = 0, usage = { input = 0, output = 0, cached = 0 } } }
  local token = call.who.token
  if token then
    function token.cancel()
      token.cancelled = true
      if token.give_up then token.give_up("nobody waits for this") end
    end
  end
  local answer, entry = try_candidates(self, call, list)
  if not answer then return failed(call, entry) end
  local cost, estimated, usage = settle(self, answer.held, entry, answer, call.who.tx)
  if not cost then return nil, estimated, usage end
  add(call, answer.step, cost, estimated, usage)
  if entry.record then recorded.keep(entry, asked, answer) end
  return {
    recorded = entry.provider == "recorded" or nil, text = answer.value == nil and answer.text or nil, value = answer.value, calls = answer.calls, stop = answer.stop,
    model = answer.model or entry.model, request_id = answer.request_id, usage = call.sum.usage,
    cost_picousd = call.sum.cost, estimated = call.sum.estimated, ms = self.now() - began, attempts = call.sum.attempts,
    trace = call.trace,
  }
end

return model
