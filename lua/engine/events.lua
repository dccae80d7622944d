--- What reaches runs from outside: events, handed to the agents that listen and the
--- runs that wait, one by one; and the owner's decisions.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local errors = require "errors"
local rfc3339 = require "rfc3339"

local events = {}

--- Whether `got` holds all that `want` names, at any depth.
local function matches(want, got)
  if want == nil then return true end
  if type(want) ~= "table" then return want == got end
  for key, part in pairs(want) do
    if type(got) ~= "table" or not matches(part, got[key]) then return false end
  end
  return true
end

local function subscribers(self, event)
  local list = {}
  for name, agent in pairs(self.library.agents) do
    for _, on in ipairs(agent.manifest.on) do
      if on.kind == "event" and on.event == event.type and matches(on.where, event.payload) then
        local field = on.key and type(event.payload) == "table" and event.payload[on.key]
        list[#list + 1] = { name = name, key = event.key or field and tostring(field) or ("#" .. event.id) }
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

--- Whether a run got this event already by an earlier wait, before the last process
-- ended: then a wait that it began after that is for another one.
local function has_had(self, wait, event)
  local had = false
  for _, record in ipairs(self:journal(self:rows("run.by_id", { id = wait.run })[1]) or {}) do
    local got = record.kind == "result" and record.value
    if record.kind == "intent" and record.seq == wait.seq then return had end
    if type(got) == "table" and got.id == event.id and got.type == event.type and got.trust then had = true end
  end
  return false
end

--- Hand a new event to every agent that listens and every run that waits. Each
--- delivery is unique by key, so doing it again after a crash changes nothing. Events
--- are taken one after the other, the next when the runs of the last are over or wait:
--- so what one run writes the next one finds, in the same order after a crash as before.
function events:deliver(event)
  for _, to in ipairs(subscribers(self, event)) do
    local run, err = self:start(to.name, event.payload, { key = event.type .. "/" .. to.key })
    if not run then
      self:refuse_event(event, to.name, err)
      if self.failed then return false end
    else
      self:rest(run.id)
    end
  end
  for _, wait in ipairs(self:rows("wait.of_type", { type = event.type })) do
    if matches(wait.match, event.payload) and not (event.id <= self.old_events and has_had(self, wait, event)) then
      local place = wait.run .. "/" .. wait.seq
      self.arrived[place] = { id = event.id, type = event.type, key = event.key, payload = event.payload,
        time = rfc3339.format(event.time), trust = event.trust }
      self:wake(wait.run)
      self:rest(wait.run)
      self.arrived[place] = nil -- given up meanwhile, when it is still there
    end
  end
  local tx = self.store:tx()
  tx:add("event.done", { id = event.id })
  return self:commit(tx)
end

function events:refuse_event(event, agent, err)
  self.refused = self.refused or {}
  table.insert(self.refused, { event = event.type, key = event.key, agent = agent, err = err })
end

--- What was going on when the last process ended comes first.
function events:rest_of_recovered()
  local ids = self.recovered or {}
  self.recovered = nil
  for _, id in ipairs(ids) do self:rest(id) end
end

--- Deliver what is new. One pump runs at a time.
function events:pump()
  if self.pumping then
    self.pump_again = true
    return
  end
  self.pumping = true
  self:task(function()
    self:rest_of_recovered()
    repeat
      self.pump_again = false
      local delivered = 0
      for _, event in ipairs(self:rows("event.new", {})) do
        if not self.undeliverable[event.id] then
          delivered = delivered + 1
          if not self:try_to_deliver(event) then
            self.pumping = false
            return
          end
        end
      end
    until delivered == 0 and not self.pump_again
    self.pumping = false
  end)
end

--- A fault of ours in one delivery must not stop the others: the event stays new, for
-- the next time that this home is opened. Returns false when the store failed.
function events:try_to_deliver(event)
  local ok, going_on = xpcall(self.deliver, debug.traceback, self, event)
  if ok then return going_on end
  self.undeliverable[event.id] = true
  if self.failed then return false end
  self:complain(going_on)
  return true
end

--- Publish an event: durable when it returns. Returns { new = bool }, or nil, err.
function events:emit(kind, payload, options)
  options = options or {}
  if options.key then
    local there = self:rows("event.by_key", { type = kind, key = options.key })
    if there[1] then return { new = false, id = there[1].id } end
  end
  local tx = self.store:tx()
  tx:add("event.put", { type = kind, key = options.key, payload_codec = payload, now = self.clock(),
    trust = options.trust or "owner" })
  local ok, message, code = self:commit(tx)
  if not ok then return nil, errors.from(message, code) end
  self:pump()
  return { new = true }
end

--- Publish what lies in the watched folders. Returns the number of new events and a
--- list of { file, err } for what could not be read.
function events:scan_inbox()
  return require("inbox").scan(self)
end

return events
