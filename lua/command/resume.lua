local hold = require "hold"

return {
  about = "let go what was paused, or a run that is in quarantine",
  arguments = hold.arguments,
  flags = hold.flags,
  notes = "What came meanwhile is taken up: timers that are due, decisions, events. A run goes on only"
    .. " when nothing else holds it: neither itself, its agent nor everything. A run in quarantine"
    .. " (keel runs --state quarantined) goes on from where its journal ends.",
  examples = { "keel resume --all", "keel resume RUN" },
  remote = true,
  run = function(args, context)
    local target, e, told, ok, err
    target, err = hold.target(args, "resume")
    if not target then return nil, err end
    e, err = context.engine()
    if not e then return nil, err end
    told, err = e:resume(target, { note = args.note, channel = context.channel })
    if not told then return nil, err end
    ok, err = e:drain()
    if not ok then return nil, err end
    if context.json then
      context.print_json { scope = told.scope, paused = false, runs = told.runs }
    else
      context.out(("%s goes on: %s\n"):format(require("terminal").escape(hold.name(told.scope)),
        require("view").count(told.runs, "run")))
    end
    return 0
  end,
}
