local errors = require "errors"

return {
  about = "begin a new run from a step of another one, with another result if you like",
  arguments = { { "run", "RUN" } },
  flags = {
    { "at", "SEQ", "behind this step, as `keel show RUN` numbers them", kind = "count" },
    { "set", "JSON", "what the step shall have given instead" },
    { "note", "TEXT", "why, for the record" },
  },
  notes = "The new run has what the other one had recorded up to that step; nothing of it is done again"
    .. " and nothing is paid again. From there on it acts for itself, with the code that the other"
    .. " run is pinned to. ctx.run stays the other run's, for what was recorded may speak of it.",
  examples = { "keel fork RUN --at 3", [[keel fork RUN --at 3 --set '{"label":"refund"}']] },
  remote = true,
  run = function(args, context)
    if not args.at then return nil, errors.new("K1003", { command = "fork", name = "--at SEQ" }) end
    local value, message
    if args.set then
      value, message = require("json").decode(args.set)
      if message then return nil, errors.new("K1010", { message = "--set is not JSON: " .. message, next = "keel help fork" }) end
    end
    local e, run, ok, err
    e, err = context.engine()
    if not e then return nil, err end
    run, err = e:fork(args.run, args.at, { value = value, note = args.note, channel = context.channel })
    if not run then return nil, err end
    ok, err = e:drain()
    if not ok then return nil, err end
    return require("outcome").report(context, e, e:describe(run.run))
  end,
}
