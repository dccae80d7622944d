--- Holding and letting go from the command line: `keel pause`, `keel resume`.
local errors = require "errors"

local hold = {}

hold.arguments = { { "run", "RUN", optional = true } }
hold.flags = {
  { "agent", "NAME", "every run of this agent, and its events and schedules" },
  { "all", nil, "everything" },
  { "note", "TEXT", "why, for the record" },
}

--- The one thing that was named: { run } | { agent } | { all }, or nil, err.
function hold.target(args, command)
  local count = (args.run and 1 or 0) + (args.agent and 1 or 0) + (args.all and 1 or 0)
  if count == 0 then return nil, errors.new("K1003", { command = command, name = "RUN, --agent NAME or --all" }) end
  if count > 1 then
    return nil, errors.new("K1004", { name = "the target", command = command, detail = "name a run, an agent, or --all" })
  end
  return { run = args.run, agent = args.agent, all = args.all }
end

local names = { all = "everything" }

--- "everything", "agent x", "run_..."
function hold.name(scope)
  return names[scope] or (scope:gsub("^run:", ""):gsub("^agent:", "agent "))
end

return hold
