return {
  about = "a run as an OpenTelemetry trace, as JSON or to a collector",
  arguments = { { "run", "RUN" } },
  flags = { { "send", "URL", "POST it to this collector (http://127.0.0.1:4318) instead of printing it" } },
  notes = "One span for the run, one for each step, one for each attempt of a model call, with the names of the GenAI"
    .. " conventions and what it cost as keel.cost.picousd. The ids are the run's own: told twice, it is the same trace."
    .. " Prompts, answers and arguments are left out.",
  examples = { "keel trace run_1k2m", "keel trace run_1k2m --send http://127.0.0.1:4318" },
  run = function(args, context)
    local e, err = context.look()
    if not e then return nil, err end
    local otlp, trace = require "observe.otlp", nil
    trace, err = otlp.trace(e, args.run)
    if not trace then return nil, err end
    if not args.send then
      context.print_json(trace)
      return 0
    end
    local ok, message = otlp.send(args.send, trace)
    if not ok then return nil, require("errors").new("K8005", { name = args.send, message = "the trace was not taken: " .. tostring(message) }) end
    local count = #trace.resourceSpans[1].scopeSpans[1].spans
    if context.json then context.print_json { sent = count } else context.out(("%s taken\n"):format(require("view").count(count, "span"))) end
    return 0
  end,
}
