local errors = require "errors"

local function payload_of(text)
  if text == nil then return {} end
  if text == "-" then text = io.read("a") end
  local value, message = require("json").decode(text)
  if message == nil then return value end
  return nil, errors.new("K1010", { message = "the payload is not JSON: " .. message,
    next = "keel help emit" })
end

--- The runs that the event began, oldest first.
local function begun_since(e, ids)
  local list = e:list { limit = 200 }
  local fresh = require("json").array {}
  for i = #list, 1, -1 do
    if not ids[list[i].run] then fresh[#fresh + 1] = list[i] end
  end
  return fresh
end

--- How many agents the event still waits for.
local function queued_of(e, id)
  local count = 0
  for _, delivery in ipairs(e:event(id).deliveries) do
    if delivery.state == "queued" then count = count + 1 end
  end
  return count
end

local function ids_now(e)
  local ids = {}
  for _, run in ipairs(e:list { limit = 200 }) do ids[run.run] = true end
  return ids
end

local function tell(context, event, runs)
  local outcome = require "outcome"
  if context.json then
    for i, run in ipairs(runs) do runs[i] = outcome.json(run) end
    context.print_json { new = event.new, id = event.id, queued = event.queued, runs = runs }
    return
  end
  if not event.new then
    context.out "that event is known already: the same type and key, so nothing happened\n"
  elseif #runs > 0 then
    context.out(require("view").runs(context.terminal, runs, context.now()))
  elseif event.queued == 0 then
    context.out "kept; no agent began anything for it\n"
  end
  if event.queued > 0 then
    context.out(("%d queued: %s\n"):format(event.queued, context.command("events show " .. event.id)))
  end
end

return {
  about = "publish an event, and let the agents that listen go on it",
  arguments = { { "type", "TYPE" }, { "payload", "JSON|-", optional = true } },
  flags = { { "key", "K", "the same type and key count once for ever" } },
  notes = "The payload is JSON, - for standard input, {} when it is left out.",
  examples = { "keel emit note.added '{\"text\":\"call Ana\"}' --key note-17" },
  remote = true,
  run = function(args, context)
    local payload, err = payload_of(args.payload)
    if err then return nil, err end
    local e, event, ok
    e, err = context.engine()
    if not e then return nil, err end
    local before = ids_now(e)
    event, err = e:emit(args.type, payload, { key = args.key })
    if not event then return nil, err end
    ok, err = e:drain()
    if not ok then return nil, err end
    event.queued = queued_of(e, event.id)
    tell(context, event, begun_since(e, before))
    local refused = e.refused and e.refused[1]
    if not refused then return 0 end
    if context.json then return errors.exit_code(refused.err) end
    return nil, refused.err
  end,
}
