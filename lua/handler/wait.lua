--- ctx.wait: until an event of a type arrives, or until a time is over.
--
-- What a wait was given is in its row (src/store_sqlite_bus.c), written by the transaction
-- that fanned the event out; so it is given once, whenever this process dies. An event
-- that came before the wait is looked for among those that are kept: since the run began,
-- unless `since` says a length of time before the wait, or "now" for none.
local duration = require "duration"
local json = require "json"
local rfc3339 = require "rfc3339"
local where = require "where"

local function wrong(message)
  return nil, { code = "error", message = "ctx.wait: " .. message, raise = true }
end

--- The time from which kept events count, or nil for none; or false, message.
local function since_of(cmd)
  local since = cmd.args.since
  if since == "now" then return nil end
  local began = cmd.engine:rows("run.by_id", { id = cmd.run.id })[1].created
  if since == nil or since == "start" then return began end
  local ms, message = duration.parse(since)
  if not ms then return false, "'since': \"start\", \"now\" or a duration; " .. message end
  return cmd.now - ms
end

local function first_time(cmd)
  local e, run, args = cmd.engine, cmd.run, cmd.args
  local within, message
  if args.within ~= nil then within, message = duration.parse(args.within) end
  if message then return wrong("'within': " .. message) end
  if args.where ~= nil and type(args.where) ~= "table" then return wrong "'where' is a table of payload fields" end
  local _, problem = where.problem(args.where)
  if problem then return wrong("'where': " .. problem) end
  local since
  since, message = since_of(cmd)
  if since == false then return wrong(message) end
  cmd.tx:add("wait.put", { run = run.id, seq = cmd.seq, type = args.event, match_json = args.where,
    probe = where.probe(args.where), since = since })
  if within then cmd.tx:add("timer.put", { run = run.id, seq = cmd.seq, due = cmd.now + within }) end
  cmd:intent("pure")
  if within then e:set_timer() end
  return true
end

--- The first kept event that fits, or nil.
local function find_kept(e, row)
  local time, after = row.since - 1, math.maxinteger
  while true do
    local page = e:rows("event.kept", { run = row.run, type = row.type, time = time, after = after })
    for _, event in ipairs(page) do
      if where.matches(row.match, event.payload) then return event end
    end
    local last = page[#page]
    if not last then return nil end
    time, after = last.time, last.number
  end
end

--- Give the wait an event that came before it.
local function look_back(cmd, row)
  if not row.since then return end
  local event = find_kept(cmd.engine, row)
  if not event then return end
  cmd.engine:commit(cmd.engine.store:tx():add("wait.give", { run = row.run, seq = row.seq, event = event.number }))
end

local function given(cmd)
  local event = cmd.engine:rows("wait.event", { run = cmd.run.id, seq = cmd.seq })[1]
  if event then
    cmd.tx:add("uses.put", { kind = "e", run = cmd.run.id, seq = cmd.seq, items_json = json.array { event.number } })
  end
  return event and { id = event.id, type = event.type, key = event.key, payload = event.payload,
    time = rfc3339.format(event.time), trust = event.trust, private = cmd.engine:is_private_event(event.number) or nil }
end

return function(cmd)
  local e, run = cmd.engine, cmd.run
  if not cmd.intended then
    local ok, err = first_time(cmd)
    if not ok then return nil, err end
  end
  local row = e:rows("wait.get", { run = run.id, seq = cmd.seq })[1]
  if row and not row.event then look_back(cmd, row) end
  local event = given(cmd)
  local due = (e:rows("timer.get", { run = run.id, seq = cmd.seq })[1] or {}).due
  if not event and not (due and due <= e.clock()) then return cmd:park("event") end
  cmd.tx:add("wait.heard", { run = run.id, seq = cmd.seq })
  cmd.tx:add("wait.drop", { run = run.id, seq = cmd.seq })
  cmd.tx:add("timer.drop", { run = run.id, seq = cmd.seq })
  if event then
    e:saw_event(cmd, event)
    return event
  end
  return nil, { code = "timeout", message = ("no %s within %s"):format(cmd.args.event, cmd.args.within) }
end
