return {
  about = "one run: its steps, times and results",
  arguments = { { "run", "RUN" } },
  flags = { { "full", nil, "results in full, not cut to the line" } },
  notes = "RUN is the run's id or the beginning of it.",
  run = function(args, context)
    local view, outcome = require "view", require "outcome"
    local e, run, log, err
    e, err = context.look()
    if not e then return nil, err end
    run, err = e:describe(args.run)
    if not run and err.tombstone then
      if context.json then context.print_json(err.tombstone) else context.out(view.tombstone(context.terminal, err.tombstone)) end
      return 0
    end
    if not run then return nil, err end
    log, err = e:log(run.run)
    if not log then return nil, err end
    if context.json then
      run = outcome.json(run)
      run.log = log
      context.print_json(run)
      return 0
    end
    local t = context.terminal
    context.out(view.head(t, run))
    local began = view.ms(run.created)
    context.out(t:style("dim", ("began %s%s\n"):format(run.created or "?",
      run.ended and ", ended " .. run.ended or "")))
    if #log > 0 then
      context.out("\n" .. (args.full and view.full_log(t, log, began) or view.log(t, log, began, view.ms(run.ended) or context.now())))
    end
    if not require("json").absent(run.output) then
      context.out("\noutput\n" .. view.value(run.output, t.width, 2))
    end
    local problem = outcome.error(run, e)
    if problem then
      if run.state ~= "quarantined" then problem.next = "keel replay " .. run.run end
      context.out("\n" .. view.problem(context, problem) .. "\n")
      if run.error.new then context.out(view.sides(t, run.error)) end
    end
    local question = (run.state == "waiting" or run.state == "needs_reconciliation") and outcome.question(e, run)
    if question then context.out("\n" .. view.question(context, question)) end
    return 0
  end,
}
