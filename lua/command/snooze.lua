return {
  about = "put a question off: it is not shown until then",
  arguments = { { "id", "ID" } },
  flags = { { "for", "TIME", 'how long, like "2h" or "1d"' }, { "note", "TEXT", "why, for the record" } },
  notes = "The question's own deadline stands: what it does then it does, shown or not.",
  examples = { "keel snooze ID --for 2h" },
  remote = true,
  run = function(args, context)
    local errors = require "errors"
    if not args["for"] then return nil, errors.new("K1003", { command = "snooze", name = "--for TIME" }) end
    local ms, message = require("duration").parse(args["for"])
    if not ms or ms <= 0 then return nil, errors.new("K1004", { name = "--for", command = "snooze", detail = message or "expected some time" }) end
    local e, err = context.engine()
    if not e then return nil, err end
    local item
    item, err = e:snooze(args.id, ms, { note = args.note, channel = "cli" })
    if not item then return nil, err end
    item.run_id = nil
    if context.json then
      context.print_json(item)
    else
      context.out(("%s rests until %s\n"):format(item.id, item.snoozed_until))
    end
    return 0
  end,
}
