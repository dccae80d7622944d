--- Money as a physical limit: every paid call holds its bound before it is sent.
--
--   local budget = require "budget"
--   local books = assert(budget.open { store = store, zone = "Europe/Lisbon",
--     limits = { day_picousd = 5 * money.per_usd } })
--   local held = assert(books:reserve { agent = "triage", money = 1200, tokens = 90 })
--   -- ... send ...
--   assert(books:settle(held, { cost = 800, input = 40, output = 8 }))
--
-- Budgets nest: a call counts in the engine's, its agent's and its run's, in every
-- window that has a limit, and in day and month (engine), day (agent) and run anyway,
-- so that they can be shown. Limits are those of the settings: run_picousd,
-- hour_picousd, day_picousd, month_picousd, calls and tokens = {count, per_ms}
-- (without per_ms: per run), parallel (calls that are out at once), and what a person
-- set over them (`books:set_limit`).
--
-- When a budget has no room, but other calls hold money that they may not need,
-- reserve waits for them; it refuses only when even all of that would not do. A budget
-- of a second or a minute is waited for in any case. An agent that was stopped
-- (`books:stop`) is refused until somebody lets it go on; one whose call cost more than
-- it could is stopped with that call's settlement.
-- Functions that meet the world return nil, message, code ("budget" for a refusal,
-- with a fourth value that says which line).
local advance = require "budget.advance"
local core = require "core.budget"
local clock = require "core.clock"
local digest = require "core.digest"
local lines = require "budget.lines"
local loop = require "loop"
local queue = require "budget.queue"
local zone = require "zone"

local budget = {}
budget.__index = budget

local function committer(store)
  return function(tx)
    if not loop.in_task() then return store:commit(tx) end
    return loop.await(function(wake) store:submit(tx, wake) end)
  end
end

local function load_standing(self)
  local rows, message, code = self.store:read("limit.list", {})
  if not rows then return nil, message, code end
  self.lines:override(rows)
  rows, message, code = self.store:read("agent.states", {})
  if not rows then return nil, message, code end
  self.stopped = {}
  for _, row in ipairs(rows) do self.stopped[row.name] = row.state ~= "on" and row or nil end
  return true
end

--- options: store; limits (the engine's budget of the settings); zone (a name);
-- now() in milliseconds; commit(tx) -> true | nil, message, code, which may yield, and
-- submit(tx, fn), which does not wait (the store's own unless told); on_alert(alert) with
-- {scope, window, start, fraction, limit_picousd, spent_picousd}; on_stop(agent, row, tx), which
-- may add to the transaction that stops it.
-- Reservations of an engine that died count as spent from here on.
function budget.open(options)
  local store = assert(options.store, "budget.open needs a store")
  local z, message = zone.open(options.zone)
  if not z then return nil, message, "input" end
  local self = setmetatable({
    store = store, limits = options.limits or {}, zone = z, stopped = {},
    now = options.now or clock.now_ms,
    commit = options.commit or committer(store),
    submit = options.submit or function(tx, fn) store:submit(tx, fn) end,
    on_alert = options.on_alert or function() end, on_stop = options.on_stop or function() end,
  }, budget)
  -- a call is named by who opened the books, which no other is, and its number
  self.prefix, self.calls = digest.make_id("call", self.now(), clock.random()) .. ".", 0
  self.lines = lines.new(store, z, self.limits)
  self.queue, self.advance = queue.new(self), advance.new(self)
  -- an engine's store is not posted to: its calls are of runs, and wait for the disk
  self.posts = not options.submit
  if self.posts then store:listen() end
  local tx = store:tx()
  core.recover(tx, self.now())
  local ok, why, code = self.commit(tx)
  if ok then ok, why, code = load_standing(self) end
  if not ok then return nil, why, code end
  return self
end

--- Give back what is held for calls to come. Calls that are out still may be settled.
function budget:close()
  self.advance:close()
end

-- ---- agents that are stopped ----------------------------------------------------------

--- Refuse the agent's paid calls until somebody lets it go on. `state`: "deactivated" (its
-- budget or a guard did) or "off" (a person did). With a `tx` it becomes true with that.
function budget:stop(agent, state, reason, who, tx)
  local was = self.stopped[agent]
  if was and was.state == state then return true end
  local row = { agent = agent, state = state, reason = reason, who = who, at = self.now() }
  local own = tx == nil
  tx = tx or self.store:tx()
  tx:add("agent.state", { name = agent, state = state, reason = reason, now = row.at })
  self.stopped[agent] = row
  self.on_stop(agent, row, tx)
  if own then
    local ok, message, code = self.commit(tx)
    if not ok then return nil, message, code end
  end
  self.queue:admit(true)
  return true
end

--- Let an agent go on.
function budget:enable(agent)
  local tx = self.store:tx()
  tx:add("agent.state", { name = agent, state = "on", now = self.now() })
  local ok, message, code = self.commit(tx)
  if ok then self.stopped[agent] = nil end
  return ok, message, code
end

--- Read what a person changed in the store by other ways: limits, and agents' states.
function budget:reload()
  local ok, message, code = load_standing(self)
  if ok then self.queue:admit(true) end
  return ok, message, code
end

--- The store was told of costs in another way: budgets in which nothing is held are read
-- anew when they are next asked; the others count what they counted, which is more.
function budget:look_anew()
  self.lines:forget_idle()
end

--- Set the limit of a scope ("engine", "agent:NAME") and a window over what the files say:
-- { money, tokens, calls }, or nil to have the files' again.
function budget.set_limit(store, commit, scope, window, limit, who, now)
  local tx = store:tx()
  if limit then
    tx:add("limit.put", { scope = scope, window = window, money = limit.money, tokens = limit.tokens, calls = limit.calls,
      who = who, now = now })
  else
    tx:add("limit.drop", { scope = scope, window = window })
  end
  return commit(tx)
end

-- ---- reserve ---------------------------------------------------------------------

local function refusal(self, claim, why, line)
  if why == "stopped" or self.stopped[claim.agent or false] then
    local row = self.stopped[claim.agent]
    return nil, ("agent '%s' is %s: %s"):format(claim.agent, row.state, row.reason or "a person switched it off"), "budget",
      { scope = "agent:" .. claim.agent, stopped = row.state, reason = row.reason }
  end
  if not line then
    return nil, "too many calls are out at once", "budget", { scope = claim.agent and "agent:" .. claim.agent or "engine",
      window = "parallel", throttle = true }
  end
  return nil, ("the %s budget of %s has no room for %s, %d tokens and %d call%s"):format(line.window, line.scope,
    require("money").format(claim.money), claim.tokens, claim.calls, claim.calls == 1 and "" or "s"), "budget",
    { scope = line.scope, window = line.window, limit_money = line.limit_money, limit_tokens = line.limit_tokens,
      limit_calls = line.limit_calls, spent = line.spent, held = line.held, throttle = why ~= "never" }
end

--- Write it down, and wait for the disk. The store decides: what is free here may become
-- so there a moment later, with a transaction of somebody else's.
local function write(self, claim, set)
  for try = 1, 100 do
    local tx = self.store:tx()
    claim.lines, claim.now = set, self.now()
    core.reserve(tx, claim)
    claim.lines = nil
    local ok, message, code = self.commit(tx)
    if ok or code ~= "budget" then return ok, message, code end
    loop.sleep(math.min(try, 20))
  end
  for i = 1, #set do self.lines:refresh(set[i]) end
  lines.hold(set, claim.money, claim.tokens, claim.calls, 1) -- as the caller believes
  return nil, "the store finds no room", "budget"
end

function budget:retire(line) return self.advance:retire(line) end

--- A claim that makes no sense is the caller's mistake, and holds nothing.
local function check(n, what)
  if math.type(n) == "integer" and n >= 0 and n <= 1000000000000000000 then return end
  error(("'%s' of a claim must be a whole number from 0 to 10^18, and is %s"):format(what, tostring(n)), 3)
end

--- Hold the bound of one attempt. claim: money and tokens (upper bounds); run, agent,
-- seq, attempt, tier, provider, model, price (JSON text, kept in its row); limits (the
-- agent's budget of its manifest); run_picousd; key (made when absent); deadline (a time:
-- wait no longer; 0 does not wait). Returns the reservation, or nil, message, code,
-- detail {scope, window, limit_money, ..., throttle (true: a later try may do), stopped}.
function budget:reserve(claim)
  local lost, why_lost = self.store:lost()
  if lost then return nil, lost, why_lost end
  if claim.agent and self.stopped[claim.agent] then return refusal(self, claim, "stopped") end
  local now = self.now()
  if not claim.key then
    self.calls = self.calls + 1
    claim.key = self.prefix .. self.calls
  end
  claim.calls, claim.now = claim.calls or 1, now
  check(claim.money, "money")
  check(claim.tokens, "tokens")
  check(claim.calls, "calls")
  local held = { key = claim.key, money = claim.money, tokens = claim.tokens, calls = claim.calls, made = now,
    agent = claim.agent }
  held.lines = self.lines:of(claim, now)
  if self.advance:take(claim, held.lines) then
    held.quick = true
    self.queue:count(claim, 1)
    return held
  end
  local why, line, set = self.queue:enter(claim, held.lines)
  if why then return refusal(self, claim, why, line) end
  held.lines, held.made = set, self.now()
  local ok, message, code = write(self, claim, held.lines)
  if ok and claim.agent and self.stopped[claim.agent] then
    -- it was stopped while this went to the disk
    self:release(held, "the agent was stopped")
    return refusal(self, claim, "stopped")
  end
  if ok then return held end
  lines.hold(held.lines, claim.money, claim.tokens, claim.calls, -1)
  self.queue:count(claim, -1)
  self.queue:admit()
  return nil, message, code, code == "budget" and { scope = "engine", throttle = true } or nil
end

-- ---- the end of a reservation ------------------------------------------------------

--- Fractions of a limit that were gone past are told, each once.
local function alert(fn, line, warn, before, after)
  for i = 1, #warn + 1 do
    local fraction = warn[i] or 1
    if before < fraction and after >= fraction and (i <= #warn or warn[#warn] ~= 1) then
      fn { scope = line.scope, window = line.window, start = line.start, fraction = fraction,
        limit_picousd = line.limit_money, spent_picousd = line.spent }
    end
  end
end

local default_warn = { 0.5, 0.8 }
budget.default_warn = default_warn

local function apply(self, held, fields)
  local spent, tokens, calls = fields.cost, fields.input + fields.output, held.calls
  if fields.state == "estimated" then spent, tokens = held.money, held.tokens end
  if fields.state == "released" then calls = 0 end
  lines.hold(held.lines, held.money, held.tokens, held.calls, -1)
  self.queue:count(held, -1)
  for i = 1, #held.lines do
    local line = held.lines[i]
    local before_spent, before_tokens, before_calls = line.spent, line.tokens, line.calls
    line.spent, line.tokens, line.calls = before_spent + spent, before_tokens + tokens, before_calls + calls
    if line.limit_money or line.limit_tokens or line.limit_calls then
      local limits = line.of_agent and held.lines.limits or self.limits
      local warn, after = limits and limits.warn or default_warn, lines.fraction(line, line.spent, line.tokens, line.calls)
      -- mostly there is nothing to tell yet
      if after >= (warn[1] or 1) then
        alert(self.on_alert, line, warn, lines.fraction(line, before_spent, before_tokens, before_calls), after)
      end
    end
  end
  if #self.queue.waiting > 0 then self.queue:admit() end
end

--- A call cost more than it could: its agent asks for nothing more.
local function check_excess(self, held, fields, tx)
  local excess = fields.cost - held.money
  if excess <= 0 or not held.agent then return end
  self:stop(held.agent, "deactivated", ("a call cost %s more than its limits allow"):format(require("money").format(excess)),
    "budget", tx)
end

local function finish(self, held, fields, tx)
  fields.key = held.key
  fields.now = self.now()
  fields.cost, fields.input = fields.cost or 0, fields.input or 0
  fields.output, fields.cached = fields.output or 0, fields.cached or 0
  if held.quick and not tx and fields.cost <= held.money then
    apply(self, held, fields)
    core.post_settle(self.store, fields)
    return true
  end
  local own = tx == nil
  tx = tx or self.store:tx()
  core.settle(tx, fields)
  check_excess(self, held, fields, tx)
  if not own then
    -- it becomes true with somebody else's transaction, a little later
    loop.timer(2, function() apply(self, held, fields) end)
    return true
  end
  local ok, message, code = self.commit(tx)
  if ok then apply(self, held, fields) end
  return ok, message, code
end

--- It cost `actual` {cost, input, output, cached, written, reasoning, request_id}. With a
-- `tx` the end is added to it, and becomes true with whatever else it says. `actual` is kept.
function budget:settle(held, actual, tx)
  actual.state = "settled"
  return finish(self, held, actual, tx)
end

--- Nobody knows what it cost: the bound counts as spent.
function budget:estimate(held, why, request_id, tx)
  return finish(self, held, { state = "estimated", error = why, request_id = request_id }, tx)
end

--- It cost nothing: it was not sent, or the other side charges nothing for it.
function budget:release(held, why, request_id, tx)
  return finish(self, held, { state = "released", error = why, request_id = request_id }, tx)
end

--- Somebody knows now what a call cost whose row says "estimated": {cost, input, output,
-- cached}. Its budgets are set right with it. "conflict" when there is no such call.
function budget.resolve(store, commit, key, actual, now)
  local tx = store:tx()
  core.settle(tx, { key = key, state = actual.cost == 0 and "released" or "settled", late = true, now = now, cost = actual.cost,
    input = actual.input, output = actual.output, cached = actual.cached, error = actual.note })
  return commit(tx)
end

-- ---- looking on ----------------------------------------------------------------------

--- "ok", "warn" (over the first fraction at which the owner wants to know), "spent".
local function state_of(row, warn)
  local part = lines.fraction(row, row.spent, row.tokens, row.calls)
  if part >= 1 then return "spent" end
  return part >= ((warn or {})[1] or 0.5) and "warn" or "ok"
end

--- The alerts of the budgets as they stand, oldest first: who was to tell them may have died
--- before it did. options: now, zone, warn_of(scope) -> its fractions or nil, least (of all).
function budget.passed(store, options)
  local z, now, list = assert(zone.open(options.zone)), options.now, {}
  local rows, message, code = store:read("budget.passed", { hour = z:start("hour", now), day = z:start("day", now),
    month = z:start("month", now), part = options.least or default_warn[1] })
  if not rows then return nil, message, code end
  for _, row in ipairs(rows) do
    alert(function(one) list[#list + 1] = one end, row, options.warn_of(row.scope) or default_warn, -1,
      lines.fraction(row, row.spent, row.tokens, row.calls))
  end
  return list
end

local function overrides_of(store)
  local rows, message, code = store:read("limit.list", {})
  if not rows then return nil, message, code end
  local of = {}
  for _, row in ipairs(rows) do of[row.scope .. " " .. row.window] = row end
  return of, rows
end

--- The budgets as they stand: a list of {scope, window, limit_picousd?,
-- spent_picousd, reserved_picousd, tokens, calls, state, set_by?}, money as integers.
-- Budgets of the settings that nothing was spent from yet are there too.
function budget.list(store, options)
  local z = assert(zone.open(options.zone))
  local now = options.now or clock.now_ms()
  local limits = options.limits or {}
  local rows, message, code = store:read("budget.list", { min = z:start("min", now),
    hour = z:start("hour", now), day = z:start("day", now), month = z:start("month", now) })
  if not rows then return nil, message, code end
  local set, set_list, why = overrides_of(store)
  if not set then return nil, set_list, why end
  local seen, list = {}, {}
  for _, row in ipairs(rows) do seen[row.scope .. " " .. row.window] = true end
  local function untouched(scope, window, limit)
    if seen[scope .. " " .. window] then return end
    seen[scope .. " " .. window] = true
    table.insert(list, { scope = scope, window = window, limit_picousd = limit, spent_picousd = 0,
      reserved_picousd = 0, tokens = 0, calls = 0, state = "ok", set_by = set[scope .. " " .. window] and "person" or nil })
  end
  for _, window in ipairs { "hour", "day", "month" } do
    local limit = limits[lines.money_of[window]]
    local by_hand = set["engine " .. window]
    if limit or by_hand then untouched("engine", window, by_hand and by_hand.money or limit) end
  end
  for _, row in ipairs(set_list) do untouched(row.scope, row.window, row.money) end
  for _, row in ipairs(rows) do
    local by_hand = set[row.scope .. " " .. row.window]
    local limit = by_hand and by_hand.money or row.limit_money
    row.limit_money = limit
    table.insert(list, { scope = row.scope, window = row.window, limit_picousd = limit,
      spent_picousd = row.spent, reserved_picousd = row.held, tokens = row.tokens, calls = row.calls,
      state = state_of(row, limits.warn), set_by = by_hand and "person" or nil })
  end
  return list
end

return budget
