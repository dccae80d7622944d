--- Which runs a command is about: by id, or by what they have in common.
local errors = require "errors"

local selection = {}

selection.states = { "queued", "running", "waiting", "done", "failed", "rejected", "compensated",
  "cancelled", "needs_reconciliation", "diverged", "quarantined" }

--- The flags that choose runs.
selection.flags = {
  { "agent", "NAME", "only this agent's" },
  { "state", "STATE", "only those in this state: " .. table.concat(selection.states, " ") },
  { "since", "TIME", "only those begun since then: 2h, 1d, 2026-03-09T08:00:00Z" },
  { "text", "WORDS", "only those with these words in their input, output, key or agent" },
}

--- The flags that choose runs, and more.
function selection.with(more)
  local flags = table.move(selection.flags, 1, #selection.flags, 1, {})
  return table.move(more, 1, #more, #flags + 1, flags)
end

local function bad(name, detail, command)
  return errors.new("K1004", { name = name, detail = detail, command = command })
end

--- "2h" ago or an RFC 3339 time, as milliseconds.
local function since_ms(text, now)
  local ms = require("duration").parse(text)
  if ms then return now - ms end
  return require("rfc3339").parse(text)
end

--- What was asked for, as e:list takes it: { agent, state, since, text, limit }, or nil, err.
function selection.filter(args, context, command)
  local since
  if args.since then
    since = since_ms(args.since, context.now())
    if not since then
      return nil, bad("--since", ("expected a time like 2026-03-09T08:00:00Z or a"
        .. " duration like 2h, got '%s'"):format(args.since), command)
    end
  end
  if args.state then
    local known = {}
    for _, state in ipairs(selection.states) do known[state] = true end
    if not known[args.state] then
      local err = bad("--state", ("there is no state '%s'"):format(args.state), command)
      err.suggestion = require("suggest").nearest(args.state, known)
      return nil, err
    end
  end
  return { agent = args.agent, state = args.state, since = since, text = args.text,
    limit = args.limit }
end

local over = { done = true, failed = true, rejected = true, compensated = true, cancelled = true, diverged = true,
  quarantined = true }

--- The ids of the runs meant that are not over, oldest first: those named, or with --all or
--- a filter all that fit it; those in quarantine when their state is the filter. Or nil, err: to name nothing is not to mean everything.
function selection.open_runs(e, args, context, command)
  local named = args.run
  if type(named) == "string" then named = { named } end
  local filtered = args.all or args.agent or args.state or args.since or args.text
  if named and #named > 0 then
    if filtered then return nil, bad("the selection", "name runs, or choose them by --all or a filter", command) end
    return named
  end
  if not filtered then
    return nil, errors.new("K1003", { command = command, name = "RUN, --all or a filter such as --agent" })
  end
  local filter, err = selection.filter(args, context, command)
  if not filter then return nil, err end
  filter.limit = 1000000
  local list
  list, err = e:list(filter)
  if not list then return nil, err end
  local ids = {}
  for i = #list, 1, -1 do
    if not over[list[i].state] or args.state == "quarantined" then ids[#ids + 1] = list[i].run end
  end
  return ids
end

return selection
