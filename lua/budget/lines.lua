--- The budgets that a call counts in, and how each of them stands.
--
-- A line is { scope, window, start, limit_money, limit_tokens, limit_calls } with the sums
-- of its row in the store: spent, tokens, calls, held, held_tokens, held_calls. The store
-- decides; the sums here follow what this process, the store's owner, did, and say without
-- asking the disk who has to wait. A limit is the tightest one that somebody wrote: the
-- files' (config.lua, a manifest), unless a person set another (`keel budget set`).
local lines = {}
lines.__index = lines

lines.windows = { "s", "min", "hour", "day", "month" }

local money_of = { run = "run_picousd", hour = "hour_picousd", day = "day_picousd", month = "month_picousd" }
lines.money_of = money_of

local window_of_ms = { [1000] = "s", [60000] = "min", [3600000] = "hour", [86400000] = "day" }
local minute_ms = 60000

--- @param store  reads budget.get
-- @param zone    see zone.lua
-- @param engine  the engine's limits, as settings have them
function lines.new(store, zone, engine)
  return setmetatable({ store = store, zone = zone, engine = engine, known = {}, sets = {}, minute = nil, overrides = {} }, lines)
end

--- Limits that a person set: rows of limit.list.
function lines:override(rows)
  self.overrides, self.sets = {}, {}
  for _, row in ipairs(rows) do
    local of = self.overrides[row.scope] or {}
    self.overrides[row.scope] = of
    of[row.window] = row
  end
end

-- ---- how a line stands --------------------------------------------------------------

local sums = { "spent", "tokens", "calls", "held", "held_tokens", "held_calls" }

--- What the store says of it. Returns true, or nil, message, code.
function lines:refresh(line)
  local rows, message, code = self.store:read("budget.get", { scope = line.scope, window = line.window, start = line.start })
  if not rows then return nil, message, code end
  for _, sum in ipairs(sums) do line[sum] = rows[1] and rows[1][sum] or 0 end
  return true
end

--- The line of that scope, window and start; made when first asked for.
function lines:at(scope, window, start)
  local id = scope .. " " .. window .. " " .. start
  local line = self.known[id]
  if not line then
    line = { scope = scope, window = window, start = start, id = id, of_agent = scope:find "^agent:" ~= nil }
    assert(self:refresh(line))
    self.known[id] = line
  end
  return line
end

--- Forget lines in which nothing is held.
function lines:forget_idle()
  self.sets = {}
  for id, line in pairs(self.known) do
    if line.held_calls <= 0 then self.known[id] = nil end
  end
end

--- Forget lines that nobody used for a while, and whose time may be over.
function lines:tidy()
  for id, line in pairs(self.known) do
    if line.held_calls <= 0 and (line.used or 0) < self.minute - 2 then self.known[id] = nil end
  end
end

-- ---- which lines a call counts in -------------------------------------------------------

local function least(a, b)
  if a and b then return math.min(a, b) end
  return a or b
end

--- { [window] = { money, tokens, calls } } of a scope's limits, a run's under "run".
local function limits_of(self, scope, limits)
  local out = {}
  local function put(window, what, limit)
    if limit then
      out[window] = out[window] or {}
      out[window][what] = least(out[window][what], limit)
    end
  end
  for window, field in pairs(money_of) do put(window, "money", limits[field]) end
  for _, what in ipairs { "calls", "tokens" } do
    local rate = limits[what]
    if rate then
      local window = rate.per_ms == nil and "run" or window_of_ms[rate.per_ms]
      if not window then error(("no window of %s ms"):format(rate.per_ms), 3) end
      put(window, what, rate.count)
    end
  end
  for window, set in pairs(self.overrides[scope] or {}) do
    local of = out[window] or {}
    out[window] = { money = set.money or of.money, tokens = set.tokens or of.tokens, calls = set.calls or of.calls }
  end
  return out
end

local function add_scope(self, list, scope, limits, always, now)
  for _, window in ipairs(lines.windows) do
    local limit = limits[window]
    if limit or always[window] then
      local line = self:at(scope, window, self.zone:start(window, now))
      limit = limit or {}
      line.limit_money, line.limit_tokens, line.limit_calls = limit.money, limit.tokens, limit.calls
      list[#list + 1] = line
    end
  end
end

local of_engine, of_agent = { day = true, month = true }, { day = true }

local function make(self, claim, now)
  local list = {}
  local engine = limits_of(self, "engine", self.engine)
  list.parallel_engine = self.engine.parallel
  add_scope(self, list, "engine", engine, of_engine, now)
  local agent = claim.agent and limits_of(self, "agent:" .. claim.agent, claim.limits or {}) or {}
  if claim.agent then
    add_scope(self, list, "agent:" .. claim.agent, agent, of_agent, now)
    list.parallel = (claim.limits or {}).parallel
  end
  if claim.run then
    local line = self:at("run:" .. claim.run, "run", 0)
    for _, what in ipairs { "money", "tokens", "calls" } do
      line["limit_" .. what] = least((agent.run or {})[what], (engine.run or {})[what])
    end
    line.limit_money = least(line.limit_money, claim.run_picousd)
    list[#list + 1] = line
  end
  -- a window of a second is over before the next look
  list.brief = (engine.s or agent.s) ~= nil
  return list
end

--- The lines of a claim {run, agent, limits, run_picousd} at a time. Every window begins
-- with a minute, so the answer holds for the rest of this one.
function lines:of(claim, now)
  local minute = now // minute_ms
  if minute ~= self.minute then
    self.minute, self.sets = minute, {}
    self:tidy()
  end
  local key = claim.agent or ""
  if claim.run then key = key .. "\0" .. claim.run end
  local set = self.sets[key]
  if set and set.limits == claim.limits and set.run_picousd == claim.run_picousd and not set.brief then return set end
  set = make(self, claim, now)
  set.limits, set.run_picousd = claim.limits, claim.run_picousd
  for _, line in ipairs(set) do line.used = minute end
  self.sets[key] = set
  return set
end

-- ---- what a line says to a claim ----------------------------------------------------------

local passes_by_itself = { s = 1000, min = minute_ms }
lines.passes_by_itself = passes_by_itself

local function judge(line, worst, limit, used, held, more)
  if not limit or used + held + more <= limit then return worst end
  if more > limit then return "never" end
  if passes_by_itself[line.window] then return worst or "window" end
  if used + more > limit then return "never" end
  return worst or "wait"
end

--- Why a line refuses: nil when it has room; "never" when even without what others hold it
-- has none, "wait" when it then would, "window" when a short window must end.
function lines.verdict(line, money, tokens, calls)
  local worst = judge(line, nil, line.limit_money, line.spent, line.held, money)
  worst = judge(line, worst, line.limit_tokens, line.tokens, line.held_tokens, tokens)
  return judge(line, worst, line.limit_calls, line.calls, line.held_calls, calls)
end

--- Hold a claim in its lines (sign 1), or let go of it (-1).
function lines.hold(set, money, tokens, calls, sign)
  for i = 1, #set do
    local line = set[i]
    line.held = line.held + sign * money
    line.held_tokens = line.held_tokens + sign * tokens
    line.held_calls = line.held_calls + sign * calls
  end
end

local function part(limit, used)
  if not limit then return 0.0 end
  if limit == 0 then return used > 0 and 1.0 or 0.0 end
  return used / limit
end

--- The most of a line's limits that is used up, 0 to 1 and more.
function lines.fraction(line, spent, tokens, calls)
  local most = part(line.limit_money, spent)
  if line.limit_tokens then most = math.max(most, part(line.limit_tokens, tokens)) end
  if line.limit_calls then most = math.max(most, part(line.limit_calls, calls)) end
  return most
end

return lines
