local hold = require "hold"

return {
  about = "hold a run, an agent or everything: nothing new is begun",
  arguments = hold.arguments,
  flags = hold.flags,
  notes = "What is on its way arrives, and is recorded. Events that come meanwhile wait; timers and"
    .. " decisions are kept. `keel resume` lets the same thing go again. Survives a restart.",
  examples = { "keel pause --all", "keel pause --agent support_triage --note 'wrong template'", "keel pause RUN" },
  remote = true,
  run = function(args, context)
    local target, e, scope, ok, err
    target, err = hold.target(args, "pause")
    if not target then return nil, err end
    e, err = context.engine()
    if not e then return nil, err end
    scope, err = e:pause(target, { note = args.note, channel = context.channel })
    if not scope then return nil, err end
    ok, err = e:drain()
    if not ok then return nil, err end
    if context.json then
      context.print_json { scope = scope, paused = true }
    else
      context.out(("%s is held\n"):format(require("terminal").escape(hold.name(scope))))
      context.out(require("view").next(context, "resume " .. (args.run or args.agent and "--agent " .. args.agent or "--all")))
    end
    return 0
  end,
}
