--- A served engine as a command sees it.
--
-- A command opens an engine, has it do something and drains it: nothing goes on by
-- itself any more. A served engine always has something going on, and is never
-- closed by a command. So a guest's `drain` waits only for what the guest began:
-- its runs, those that its events began, and their children. Everything else is the
-- engine's own.
local engine = require "engine"
local loop = require "loop"

local guest = {}

--- Longest look away between two looks at the guest's runs.
local longest_wait_ms = 25

--- Begin to keep count for guests; once for each served engine.
function guest.welcome(e)
  e.guests = {}
  function e.start(self, name, input, options)
    local run, err = engine.start(self, name, input, options)
    if run and options and options.parent then
      for mine in pairs(e.guests) do
        if mine.runs[options.parent] then mine.runs[run.id] = true end
      end
    elseif run and options and options.event then
      for mine in pairs(e.guests) do
        if mine.events[options.event] then mine.runs[run.id] = true end
      end
    end
    return run, err
  end
  function e.refuse_event(_, event, agent, err)
    local refusal = { event = event.type, id = event.id, key = event.key, agent = agent, err = err }
    for mine in pairs(e.guests) do
      if mine.events[event.id] then table.insert(mine.refused, refusal) end
    end
    if e.options.on_refused then e.options.on_refused(refusal) end
  end
end

local function settled(e, mine)
  for _, number in pairs(mine.events) do
    if e:in_motion(number) then return false end
  end
  for id in pairs(mine.runs) do
    if e.active[id] or e.settling[id] then return false end
  end
  return true
end

local methods = {}

function methods.start(e, mine, ...)
  local run, err = e:start(...)
  if run then mine.runs[run.id] = true end
  return run, err
end

--- What is emitted is known by its id before it is published: its runs may begin while
--- the guest still waits to hear of it.
function methods.emit(e, mine, kind, payload, options)
  local all = { id = e:event_id() }
  for key, value in pairs(options or {}) do all[key] = value end
  mine.events[all.id] = 0
  local event, err = e:emit(kind, payload, all)
  mine.events[all.id] = event and event.new and event.number or nil
  return event, err
end

--- The guest waits for what it has tried again, too (for so many as a list may hold).
function methods.retry_dead(e, mine, options)
  local tried = options.id and { e:event(options.id) } or e:rows("event.list_dead", { agent = options.agent, limit = 1000 })
  for _, event in ipairs(tried) do mine.events[event.id] = event.number end
  return e:retry_dead(options)
end

function methods.decide(e, mine, ...)
  local item, err = e:decide(...)
  if item then mine.runs[item.run_id] = true end
  return item, err
end

--- Each is decided as the guest's own, so that it waits for all of them.
function methods.decide_many(e, mine, items, decision)
  for _, one in ipairs(items) do
    local item = e:approval(one.id)
    if item then mine.runs[item.run_id] = true end
  end
  return e:decide_many(items, decision)
end

function methods.reconcile(e, mine, ...)
  local item, err = e:reconcile(...)
  if item then mine.runs[item.run_id] = true end
  return item, err
end

function methods.trigger_schedule(e, mine, ...)
  local run, err = e:trigger_schedule(...)
  if run then mine.runs[run.id] = true end
  return run, err
end

function methods.cancel(e, mine, ...)
  local run, err = e:cancel(...)
  if run then mine.runs[run.id] = true end
  return run, err
end

function methods.fork(e, mine, ...)
  local run, err = e:fork(...)
  if run then mine.runs[run.id] = true end
  return run, err
end

function methods.drain(e, mine, done)
  local ms = 1
  while not e.failed and not settled(e, mine) do
    if done and done() then break end
    loop.sleep(ms)
    ms = math.min(ms * 2, longest_wait_ms)
  end
  if e.failed then return nil, e.failed end
  return true
end

function methods.close() end

--- A guest of `e`: it has the engine's methods and fields. Use it in a task, and
--- `leave()` when done.
function guest.new(e)
  local mine = { runs = {}, refused = {}, events = {} }
  e.guests[mine] = true
  local face = { refused = mine.refused }
  for name, method in pairs(methods) do
    face[name] = function(_, ...) return method(e, mine, ...) end
  end
  function face.leave() e.guests[mine] = nil end
  return setmetatable(face, { __close = face.leave, __index = function(_, key)
    local value = e[key]
    if type(value) ~= "function" then return value end
    return function(_, ...) return value(e, ...) end
  end })
end

return guest
