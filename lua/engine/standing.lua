--- Whether an agent may work: on, off (a person switched it off), deactivated (its budget
--- or a guard did). Methods of the engine (lua/engine.lua).
--
-- An agent that is not on gets no new runs (its events and slots wait) and makes no paid
-- call; runs of it that are open may finish by unpaid means. Only a person lets a
-- deactivated agent go on. What happened is an event that other agents may listen to:
-- budget.alert, budget.stop.
local budget = require "budget"
local errors = require "errors"
local loop = require "loop"
local money = require "money"
local rfc3339 = require "rfc3339"

local standing = {}

--- The agents that are not on: name -> { state, reason }. One table for as long
--- as the engine lives: the ledger has it, too.
function standing:stopped()
  if not self.stopped_agents then
    self.stopped_agents = {}
    for _, row in ipairs(self:rows("agent.states", {})) do
      self.stopped_agents[row.name] = row.state ~= "on" and row or nil
    end
  end
  return self.stopped_agents
end

--- "on", "off" or "deactivated"; and why.
function standing:agent_state(name)
  local row = self:stopped()[name]
  return row and row.state or "on", row
end

--- Refuse what an agent that is not on would begin: nil, or K5002.
function standing:refuse_stopped(name)
  local state, row = self:agent_state(name)
  if state == "on" then return nil end
  return errors.new("K5002", { agent = name, state = state, detail = row.reason or "a person switched it off" })
end

local function audit(self, tx, what, agent, who, detail, channel)
  tx:add("audit.put", { now = self.clock(), who = who, what = what, subject = "agent:" .. agent, detail_codec = detail, channel = channel })
end

--- Raise an alert about a budget or an agent that it stopped.
local function raise_of(self, kind, payload, key)
  local stopped = kind == "budget.stop"
  local agent = stopped and payload.agent or payload.scope:match "^agent:(.+)$"
  self:raise(stopped and "stopped" or "budget", { agent = agent, message = stopped and ("agent %s is %s: %s"):format(payload.agent,
    payload.state, tostring(payload.reason or "no reason given")) or ("%s used %g of its limit (%s)"):format(payload.scope,
    payload.fraction, payload.window) }, key)
end

local function key_of_alert(alert)
  local start = alert.start == 0 and "" or rfc3339.format(alert.start)
  return ("%s/%s/%s/%g"):format(alert.scope, alert.window, start, alert.fraction), start
end

--- Part of a limit was used up (budget.lua): tell those who listen, once for ever.
function standing:budget_alert(alert)
  if self.closing or self.failed then return end
  local key, start = key_of_alert(alert)
  local payload = { scope = alert.scope, window = alert.window, fraction = alert.fraction, since = start,
    limit_picousd = alert.limit_picousd and money.to_json(alert.limit_picousd) or nil,
    spent_picousd = money.to_json(alert.spent_picousd) }
  self:task(function() self:emit("budget.alert", payload, { key = key }) end, 0)
  raise_of(self, "budget.alert", payload, key)
end

--- What was used up is in the store before it is told: what a process that died did not tell
--- is told by the next one.
function standing:tell_missed_alerts()
  local own, least = self.settings.budget or {}, nil
  local function consider(warn) least = math.min(least or warn[1] or 1, warn[1] or 1) end
  consider(own.warn or budget.default_warn)
  for _, agent in pairs(self.library.agents) do consider((agent.manifest.budget or {}).warn or budget.default_warn) end
  local now, kept = self.clock(), self.settings.retention and self.settings.retention.events_ms
  local list = assert(budget.passed(self.store, { now = now, zone = self.settings.zone, least = least, warn_of = function(scope)
    local name = scope:match "^agent:(.+)$"
    local agent = name and self.library.agents[name]
    return agent and (agent.manifest.budget or {}).warn or not name and own.warn or nil
  end }))
  for _, alert in ipairs(list) do
    local gone = kept and now - alert.start >= kept -- it may have been told, and forgotten
    if not gone and not self:rows("event.by_key", { type = "budget.alert", key = (key_of_alert(alert)) })[1] then self:budget_alert(alert) end
  end
end

--- The ledger, or a guard, stopped an agent: that it is told and in the trail is true with that.
function standing:agent_stopped(agent, row, tx)
  audit(self, tx, "agent." .. row.state, agent, row.who or "budget", { reason = row.reason }, row.channel)
  local payload, key = { agent = agent, state = row.state, reason = row.reason }, ("%s/%d"):format(agent, row.at or self.clock())
  tx:add("event.put", { event = self:event_id(), type = "budget.stop", key = key, payload_codec = payload, now = self.clock(), trust = "owner" })
  self:task(function()
    loop.sleep(2) -- it becomes true with somebody else's transaction, a little later
    if self.closing or self.failed or not self:commit(self.store:tx()) then return end
    if self.on_change then self.on_change "events" end
    self:pump()
    raise_of(self, "budget.stop", payload, key)
  end, 0)
end

--- Stop an agent: "deactivated" by its budget, "off" by a person. Returns true, or nil, err.
function standing:stop_agent(agent, state, reason, who, channel)
  local was = self:agent_state(agent)
  if was == state or was == "deactivated" and state ~= "off" then return true end
  local row = { agent = agent, state = state, reason = reason, who = who, channel = channel, at = self.clock() }
  local tx = self.store:tx()
  tx:add("agent.state", { name = agent, state = state, reason = reason, now = row.at })
  self:agent_stopped(agent, row, tx)
  self:stopped()[agent] = row
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  if self.models then self.models.books.queue:admit(true) end
  return true
end

local function known(self, agent)
  if self.library.agents[agent] or self:stopped()[agent] or self.library.broken["agent/" .. agent] then return true end
  return nil, select(2, self:agent_named(agent))
end

--- Switch an agent off. Returns its state, or nil, err.
function standing:disable_agent(agent, options)
  local ok, err = known(self, agent)
  if not ok then return nil, err end
  ok, err = self:stop_agent(agent, "off", options.note, options.by or self.settings.owner or "owner", options.channel)
  return ok and "off", err
end

--- Let an agent go on: what waited for it begins. Returns "on", or nil, err.
function standing:enable_agent(agent, options)
  local ok, err = known(self, agent)
  if not ok then return nil, err end
  local tx, who = self.store:tx(), options.by or self.settings.owner or "owner"
  tx:add("agent.state", { name = agent, state = "on", now = self.clock() })
  audit(self, tx, "agent.on", agent, who, { note = options.note }, options.channel)
  local message, code
  ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  self:stopped()[agent] = nil
  self:pump()
  self:set_timer()
  return "on"
end

--- The models of an engine, opened at the first call. Opening takes a while (old
--- reservations are looked at), so who comes meanwhile waits for the same ones.
function standing:model_client()
  while self.opening_models do
    loop.await(function(wake) table.insert(self.opening_models, wake) end)
  end
  if self.models then return self.models end
  local waiting = {}
  self.opening_models = waiting
  local ok, made, message = pcall(require("model").open, { settings = self.settings, store = self.store, now = self.clock,
    sleep = self.options.sleep, commit = function(tx) return self:commit(tx) end, submit = function(tx, fn) self.runner:submit(tx, fn) end,
    on_alert = function(alert) self:budget_alert(alert) end,
    on_stop = function(agent, row, tx) self:agent_stopped(agent, row, tx) end })
  self.opening_models = nil
  self.models = ok and made or nil
  if self.models then self.models.books.stopped = self:stopped() end
  if self.models then self:tell_missed_alerts() end -- what was held when a process died counts as spent now
  -- later, not here: who opened it asks first, who came behind goes on in the order that they came
  if #waiting > 0 then
    loop.timer(0, function()
      for _, wake in ipairs(waiting) do wake() end
    end)
  end
  return self.models or error(ok and message or made, 0)
end

-- ---- what models say while they say it -------------------------------------------------

--- Hear it: fn(run, seq, text), `run` as { run, agent, id }. The record gets the whole, once.
-- Returns the function that ends it.
function standing:hear_text(fn)
  self.text_listeners = self.text_listeners or {}
  self.text_listeners[fn] = true
  return function() self.text_listeners[fn] = nil end
end

--- The request as it is sent while somebody listens: streamed, where it is plain text.
function standing:overheard(run, seq, request)
  local listeners = self.text_listeners
  if not listeners or next(listeners) == nil or type(request) ~= "table" or request.schema ~= nil then return request end
  local copy = {}
  for key, value in pairs(request) do copy[key] = value end
  function copy.on_text(text)
    for fn in pairs(listeners) do fn(run, seq, text) end
  end
  return copy
end

-- ---- limits --------------------------------------------------------------------------------

--- Set a limit over those of the files (budget.set_limit); it holds from the next call on.
-- Returns true, or nil, err.
function standing:set_budget(scope, window, limit, options)
  local who = (options or {}).by or self.settings.owner or "owner"
  local ok, message, code = require("budget").set_limit(self.store, function(tx)
    tx:add("audit.put", { now = self.clock(), who = who, what = "budget.set", subject = scope, channel = (options or {}).channel, detail_codec = { window = window,
      money = limit and limit.money, tokens = limit and limit.tokens, calls = limit and limit.calls } })
    return self:commit(tx)
  end, scope, window, limit, who, self.clock())
  if not ok then return nil, errors.from(message, code) end
  if self.models then
    local stopped = self:stopped()
    self.models.books:reload()
    self.models.books.stopped = stopped
  end
  return true
end

return standing
