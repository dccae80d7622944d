local errors = require "errors"

local states = { "new", "done", "queued", "started", "dead", "dropped" }

local function bad(name, detail, suggestion)
  return errors.new("K1004", { name = name, detail = detail, command = "events", suggestion = suggestion })
end

--- "2h" ago or an RFC 3339 time, as milliseconds.
local function since_ms(text, now)
  local ms = require("duration").parse(text)
  if ms then return now - ms end
  return require("rfc3339").parse(text)
end

local function filter_of(args, context)
  local since = args.since and since_ms(args.since, context.now())
  if args.since and not since then
    return nil, bad("--since", ("expected a time like 2026-03-09T08:00:00Z or a duration like 2h, got '%s'"):format(args.since))
  end
  local known = {}
  for _, state in ipairs(states) do known[state] = true end
  if args.state and not known[args.state] then
    return nil, bad("--state", ("there is no state '%s'"):format(args.state), require("suggest").nearest(args.state, known))
  end
  return { type = args.type, state = args.state, agent = args.agent, since = since, limit = args.limit }
end

--- "inbox_triage started, meeting_notes dead (K1011)".
local function where_to(event)
  local parts = {}
  for i, one in ipairs(event.deliveries) do
    local more = one.reason and one.reason.number or one.waits_for or one.gathered and "gathered" or one.run_state
    parts[i] = ("%s %s%s"):format(one.agent, one.state, more and (" (%s)"):format(more) or "")
  end
  return #parts > 0 and table.concat(parts, ", ") or event.state == "new" and "" or "no run"
end

local function list(args, context)
  local filter, err = filter_of(args, context)
  if not filter then return nil, err end
  local e
  e, err = context.look()
  if not e then return nil, err end
  local found = e:event_list(filter)
  if context.json then
    context.print_json(found)
    return 0
  end
  if #found == 0 then
    context.out "no events\n"
    return 0
  end
  local terminal, view, rows = require "terminal", require "view", {}
  for i, event in ipairs(found) do
    rows[i] = { event.id, event.type, event.key or "", terminal.relative(view.ms(event.time), context.now()), event.state,
      where_to(event), event.duplicates > 0 and event.duplicates or "" }
  end
  context.out(context.terminal:table({ { "event", style = "name" }, { "type", shrink = true, least = 10 },
    { "key", shrink = true, least = 8, most = 30 }, { "came", right = true }, { "state" },
    { "went to", shrink = true, least = 16 }, { "again", right = true, drop = 1 } }, rows))
  return 0
end

local function show_event(context, event)
  event.number = nil
  if context.json then
    context.print_json(event)
  else
    context.out(require("view").value(event, context.terminal.width, 0))
  end
  return 0
end

local function show(args, context)
  local e, err = context.look()
  if not e then return nil, err end
  local event
  event, err = e:event(args.id)
  if not event then return nil, err end
  return show_event(context, event)
end

local function retry(args, context)
  if not args.id and not args.agent and not args.all then
    return nil, errors.new("K1003", { command = "events retry", name = "an event's ID, --agent NAME or --all",
      next = "keel events --state dead" })
  end
  local e, err, count, ok
  e, err = context.engine()
  if not e then return nil, err end
  count, err = e:retry_dead { id = args.id, agent = args.agent, channel = context.channel }
  if not count then return nil, err end
  ok, err = e:drain()
  if not ok then return nil, err end
  local dead = e.refused or {}
  if context.json then
    context.print_json { retried = count, dead = #dead }
  elseif count == 0 then
    context.out "nothing is dead there\n"
  else
    context.out(("%s tried again, %d of them dead still\n"):format(require("view").count(count, "delivery", "deliveries"), #dead))
  end
  if #dead == 0 then return 0 end
  if context.json then return errors.exit_code(dead[1].err) end
  return nil, dead[1].err
end

local function drop(args, context)
  local e, err = context.engine()
  if not e then return nil, err end
  local event
  event, err = e:drop_event(args.id, args.agent, { channel = context.channel })
  if not event then return nil, err end
  return show_event(context, event)
end

local verbs = { list = list, show = show, retry = retry, drop = drop }

return {
  about = "events: where they went, and what of them could not start",
  arguments = { { "verb", "list|show|retry|drop", optional = true }, { "id", "ID", optional = true } },
  flags = {
    { "type", "TYPE", "only of this type; 'mail.*' for all that begin so" },
    { "state", "STATE", "new, done (handed on); or queued, started, dead, dropped by an agent" },
    { "agent", "NAME", "only what went to this agent; retry, drop: only for this agent" },
    { "since", "TIME", "only those since then: 2h, 1d, 2026-03-09T08:00:00Z" },
    { "limit", "N", "at most so many (50)", kind = "count" },
    { "all", nil, "retry: all that is dead" },
  },
  notes = "An event that an agent cannot start on (its input does not fit, the agent is broken or gone, its settings"
    .. " are wrong) is kept as dead, with the reason. Mend the agent, then retry.",
  examples = { "keel events --state dead", "keel events show evt_01", "keel events retry --agent inbox_triage" },
  remote = true,
  run = function(args, context)
    local name = args.verb or "list"
    local verb = verbs[name]
    if not verb then return nil, bad(name, "expected list, show, retry or drop", require("suggest").nearest(name, verbs)) end
    if (name == "show" or name == "drop") and not args.id then
      return nil, errors.new("K1003", { command = "events " .. name, name = "an event's ID", next = "keel events" })
    end
    return verb(args, context)
  end,
}
