local selection = require "selection"

--- Give them all up, then tell how they stand.
local function cancel(e, ids, note, channel)
  local runs = {}
  for _, id in ipairs(ids) do
    local run, err = e:cancel(id, { note = note, channel = channel })
    if not run then return nil, err end
    runs[#runs + 1] = run
  end
  local ok, err = e:drain()
  if not ok then return nil, err end
  for i, run in ipairs(runs) do
    runs[i], err = e:describe(run.run)
    if not runs[i] then return nil, err end
  end
  return runs
end

return {
  about = "give runs up: what they did is undone, and they end as cancelled",
  arguments = { { "run", "RUN", optional = true, many = true } },
  flags = selection.with {
    { "all", nil, "every run that is not over" },
    { "note", "TEXT", "why, for the record" },
    { "dry-run", nil, "only list them" },
  },
  notes = "The steps that have an undo are undone, newest first; children are given up too. What is on"
    .. " its way to the outside arrives first. A run that waits for an answer about an effect"
    .. " (keel inbox) wants that answer before. Of a run in quarantine nothing is executed, so nothing"
    .. " is undone: resume it first to have that.",
  examples = { "keel cancel RUN --note 'asked for twice'", "keel cancel --agent newsletter --state waiting --dry-run" },
  remote = true,
  run = function(args, context)
    local outcome = require "outcome"
    local e, ids, runs, err
    e, err = context.engine()
    if not e then return nil, err end
    ids, err = selection.open_runs(e, args, context, "cancel")
    if not ids then return nil, err end
    if args.dry_run then
      runs = {}
      for i, id in ipairs(ids) do
        runs[i], err = e:describe(id)
        if not runs[i] then return nil, err end
      end
    else
      runs, err = cancel(e, ids, args.note, context.channel)
      if not runs then return nil, err end
    end
    if context.json then
      for i, run in ipairs(runs) do runs[i] = outcome.json(run) end
      context.print_json(#args.run == 1 and runs[1] or require("json").array(runs))
    elseif #runs == 0 then
      context.out "no runs\n"
    else
      context.out(require("view").runs(context.terminal, runs, context.now()))
    end
    return 0
  end,
}
