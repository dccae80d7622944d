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
-- hour_picousd, day_picousd, month_picousd, and calls and tokens = {count, per_ms}
-- (without per_ms: per run).
--
-- When a budget has no room, but other calls hold money that they may not need,
-- reserve waits for them; it refuses only when even all of that would not do.
-- Functions that meet the world return nil, message, code ("budget" for a refusal,
-- with a fourth value that says which line).
local core = require "core.budget"
local clock = require "core.clock"
local digest = require "core.digest"
local loop = require "loop"
local zone = require "zone"

local budget = {}
budget.__index = budget

local windows = { run = "run_picousd", hour = "hour_picousd", day = "day_picousd", month = "month_picousd" }
local window_of_ms = { [1000] = "s", [60000] = "min", [3600000] = "hour", [86400000] = "day" }
local short_ms = { s = 1000, min = 60000 }

--- options: store; limits (the engine's budget of the settings); zone (a name);
-- now() in milliseconds; commit(tx) -> true | nil, message, code, which may yield
-- (the store's own, which waits for the disk, unless told).
-- Reservations of an engine that died count as spent from here on.
function budget.open(options)
  local store = assert(options.store, "budget.open needs a store")
  local z, message = zone.open(options.zone)
  if not z then return nil, message, "input" end
  local self = setmetatable({
    store = store, limits = options.limits or {}, zone = z,
    now = options.now or clock.now_ms,
    commit = options.commit or function(tx) return store:commit(tx) end,
    waiting = {},
  }, budget)
  local tx = store:tx()
  core.recover(tx, self.now())
  local ok, why, code = self.commit(tx)
  if not ok then return nil, why, code end
  return self
end

-- ---- lines ---------------------------------------------------------------------

local function line_at(lines, scope, window, start)
  local id = scope .. " " .. window
  local line = lines[id]
  if not line then
    line = { scope = scope, window = window, start = start }
    lines[id] = line
    lines[#lines + 1] = line
  end
  return line
end

function budget:scope_lines(lines, scope, limits, always, now)
  for _, window in ipairs { "run", "hour", "day", "month" } do
    local limit = limits[windows[window]]
    -- a run's limit belongs to the run's own scope
    if window ~= "run" and (limit or always[window]) then
      line_at(lines, scope, window, self.zone:start(window, now)).limit_money = limit
    end
  end
  for _, what in ipairs { "calls", "tokens" } do
    local rate = limits[what]
    if rate and rate.per_ms then
      local window = window_of_ms[rate.per_ms]
      if not window then error("no window of " .. rate.per_ms .. " ms", 3) end
      line_at(lines, scope, window, self.zone:start(window, now))["limit_" .. what] = rate.count
    end
  end
end

local function least(a, b)
  if a and b then return math.min(a, b) end
  return a or b
end

--- The budgets in which a call counts, as the ledger wants them.
function budget:lines(claim, now)
  local lines = {}
  local of_agent = claim.limits or {}
  self:scope_lines(lines, "engine", self.limits, { day = true, month = true }, now)
  if claim.agent then
    self:scope_lines(lines, "agent:" .. claim.agent, of_agent, { day = true }, now)
  end
  if claim.run then
    local line = line_at(lines, "run:" .. claim.run, "run", 0)
    line.limit_money = least(least(of_agent.run_picousd, self.limits.run_picousd), claim.run_picousd)
    for _, what in ipairs { "calls", "tokens" } do
      local rate = of_agent[what]
      if rate and not rate.per_ms then line["limit_" .. what] = rate.count end
    end
  end
  local list = {}
  for i, line in ipairs(lines) do list[i] = line end
  return list
end

-- ---- reserve ---------------------------------------------------------------------

--- Why a line refuses: nil when it has room; "never" when even without what others
-- hold it has none, "wait" when it then would, "window" when a short window must end.
local function verdict(line, row, claim)
  local worst
  local function judge(limit, used, held, more)
    if not limit or used + held + more <= limit then return end
    if more > limit then worst = "never" return end
    if short_ms[line.window] then worst = worst or "window" return end
    if used + more > limit then worst = "never" else worst = worst or "wait" end
  end
  judge(line.limit_money, row.spent, row.held, claim.money)
  judge(line.limit_tokens, row.tokens, row.held_tokens, claim.tokens)
  judge(line.limit_calls, row.calls, row.held_calls, claim.calls or 1)
  return worst
end

local nothing = { spent = 0, tokens = 0, calls = 0, held = 0, held_tokens = 0, held_calls = 0 }

--- The line that stands most in the way, and how: verdict, line, row.
function budget:obstacle(lines, claim)
  local rank = { never = 3, window = 2, wait = 1 }
  local found, at, what
  for _, line in ipairs(lines) do
    local rows, message, code = self.store:read("budget.get", line)
    if not rows then return nil, message, code end
    local row = rows[1] or nothing
    local v = verdict(line, row, claim)
    if v and (not found or rank[v] > rank[found]) then found, at, what = v, line, row end
  end
  -- Room was made between the refusal and our look: try again.
  return found or "wait", at, what
end

local function try(self, claim, lines, now)
  local tx = self.store:tx()
  core.reserve(tx, {
    key = claim.key, money = claim.money, tokens = claim.tokens, calls = claim.calls or 1,
    attempt = claim.attempt or 1, now = now, lines = lines, run = claim.run, agent = claim.agent,
    seq = claim.seq, tier = claim.tier, provider = claim.provider, model = claim.model, price_json = claim.price,
  })
  return self.commit(tx)
end

--- Wait until something ended, or `ms` went by.
local function wait_for_room(self, ms)
  loop.await(function(wake)
    local timer
    local function once()
      timer:stop()
      wake()
    end
    -- An end may be committed by somebody else's transaction, later than we hear of it.
    timer = loop.timer(ms, once)
    table.insert(self.waiting, once)
  end)
end

--- Hold the bound of one attempt. claim: money and tokens (upper bounds); run, agent,
-- seq, attempt, tier, provider, model, price (kept in its row); limits (the agent's
-- budget of its manifest); run_picousd; key (made when absent); deadline (a time:
-- wait no longer; 0 does not wait). Returns the reservation, or nil, message, code.
function budget:reserve(claim)
  claim.key = claim.key or digest.make_id("call", self.now(), clock.random())
  while true do
    local now = self.now()
    local lines = self:lines(claim, now)
    local ok, message, code = try(self, claim, lines, now)
    if ok then return { key = claim.key, money = claim.money, tokens = claim.tokens, made = now, lines = lines } end
    if code ~= "budget" then return nil, message, code end
    local what, line, row = self:obstacle(lines, claim)
    if not what then return nil, line, row end
    local detail = line and { scope = line.scope, window = line.window, limit_money = line.limit_money,
      limit_tokens = line.limit_tokens, limit_calls = line.limit_calls, spent = row.spent, held = row.held }
    local left_ms = claim.deadline and claim.deadline - now or math.huge
    if what == "never" or left_ms <= 0 then return nil, message, "budget", detail end
    local ms = what == "window" and line.start + short_ms[line.window] - now or 50
    wait_for_room(self, math.max(1, math.min(ms, left_ms)))
  end
end

-- ---- the end of a reservation ------------------------------------------------------

function budget:wake_waiting()
  local list = self.waiting
  self.waiting = {}
  for _, wake in ipairs(list) do wake() end
end

local function finish(self, held, fields, tx)
  fields.key = held.key
  fields.now = self.now()
  fields.cost, fields.input = fields.cost or 0, fields.input or 0
  fields.output, fields.cached = fields.output or 0, fields.cached or 0
  local own = tx == nil
  tx = tx or self.store:tx()
  core.settle(tx, fields)
  if not own then
    loop.timer(1, function() self:wake_waiting() end)
    return true
  end
  local ok, message, code = self.commit(tx)
  if ok then self:wake_waiting() end
  return ok, message, code
end

--- It cost `actual` {cost, input, output, cached, request_id}. With a `tx` the end is
-- added to it, and becomes true with whatever else it says.
function budget:settle(held, actual, tx)
  local fields = { state = "settled" }
  for _, key in ipairs { "cost", "input", "output", "cached", "request_id" } do fields[key] = actual[key] end
  return finish(self, held, fields, tx)
end

--- Nobody knows what it cost: the bound counts as spent.
function budget:estimate(held, why, request_id, tx)
  return finish(self, held, { state = "estimated", error = why, request_id = request_id }, tx)
end

--- It cost nothing: it was not sent, or the other side charges nothing for it.
function budget:release(held, why, request_id, tx)
  return finish(self, held, { state = "released", error = why, request_id = request_id }, tx)
end

-- ---- looking on ----------------------------------------------------------------------

local function fraction(row)
  local most = 0.0
  local function look(limit, used)
    if limit then most = math.max(most, limit == 0 and (used > 0 and 1 or 0) or used / limit) end
  end
  look(row.limit_money, row.spent)
  look(row.limit_tokens, row.tokens)
  look(row.limit_calls, row.calls)
  return most
end

--- "ok", "warn" (over the first fraction at which the owner wants to know), "spent".
local function state_of(row, warn)
  local part = fraction(row)
  if part >= 1 then return "spent" end
  return part >= ((warn or {})[1] or 0.5) and "warn" or "ok"
end

--- The budgets as they stand: a list of {scope, window, limit_picousd?,
-- spent_picousd, reserved_picousd, tokens, calls, state}, money as integers. Budgets of
-- the settings that nothing was spent from yet are there too.
function budget.list(store, options)
  local z = assert(zone.open(options.zone))
  local now = options.now or clock.now_ms()
  local limits = options.limits or {}
  local rows, message, code = store:read("budget.list", { min = z:start("min", now),
    hour = z:start("hour", now), day = z:start("day", now), month = z:start("month", now) })
  if not rows then return nil, message, code end
  local seen, list = {}, {}
  for _, row in ipairs(rows) do seen[row.scope .. " " .. row.window] = true end
  for _, window in ipairs { "hour", "day", "month" } do
    local limit = limits[windows[window]]
    if limit and not seen["engine " .. window] then
      table.insert(list, { scope = "engine", window = window, limit_picousd = limit, spent_picousd = 0,
        reserved_picousd = 0, tokens = 0, calls = 0, state = "ok" })
    end
  end
  for _, row in ipairs(rows) do
    table.insert(list, { scope = row.scope, window = row.window, limit_picousd = row.limit_money,
      spent_picousd = row.spent, reserved_picousd = row.held, tokens = row.tokens, calls = row.calls,
      state = state_of(row, limits.warn) })
  end
  return list
end

return budget
