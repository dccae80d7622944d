local errors = require "errors"

local states = { "queued", "running", "waiting", "done", "failed", "rejected", "compensated",
  "cancelled", "needs_reconciliation", "diverged", "quarantined" }

local function bad(name, detail)
  return errors.new("K1004", { name = name, detail = detail, command = "runs" })
end

--- "2h" ago or an RFC 3339 time, as milliseconds.
local function since_ms(text, now)
  local ms = require("duration").parse(text)
  if ms then return now - ms end
  return require("rfc3339").parse(text)
end

local function filter_of(args, context)
  local since
  if args.since then
    since = since_ms(args.since, context.now())
    if not since then
      return nil, bad("--since", ("expected a time like 2026-03-09T08:00:00Z or a"
        .. " duration like 2h, got '%s'"):format(args.since))
    end
  end
  if args.state then
    local known = {}
    for _, state in ipairs(states) do known[state] = true end
    if not known[args.state] then
      local err = bad("--state", ("there is no state '%s'"):format(args.state))
      err.suggestion = require("suggest").nearest(args.state, known)
      return nil, err
    end
  end
  return { agent = args.agent, state = args.state, since = since, text = args.text,
    limit = args.limit }
end

return {
  about = "what ran and what runs, newest first",
  flags = {
    { "agent", "NAME", "only this agent's" },
    { "state", "STATE", "only those in this state: " .. table.concat(states, " ") },
    { "since", "TIME", "only those begun since then: 2h, 1d, 2026-03-09T08:00:00Z" },
    { "text", "WORDS", "only those with these words in their input or output" },
    { "limit", "N", "at most so many (50)", kind = "count" },
  },
  examples = { "keel runs --state failed --since 1d", "keel runs --agent support_triage --json" },
  run = function(args, context)
    local filter, err = filter_of(args, context)
    if not filter then return nil, err end
    local e, list
    e, err = context.look()
    if not e then return nil, err end
    list, err = e:list(filter)
    if not list then return nil, err end
    if context.json then
      local outcome = require "outcome"
      for i, run in ipairs(list) do list[i] = outcome.json(run) end
      context.print_json(list)
    elseif #list == 0 then
      context.out "no runs\n"
    else
      context.out(require("view").runs(context.terminal, list, context.now()))
    end
    return 0
  end,
}
