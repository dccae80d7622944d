return {
  about = "say no to what an agent proposes",
  arguments = { { "id", "ID" } },
  flags = { { "note", "TEXT", "why, for the record and for the agent" } },
  notes = "The run goes on at once with your no; what it did before may be undone by it.",
  remote = true,
  run = function(args, context)
    return require("decide").run(context, args.id, { state = "rejected", note = args.note })
  end,
}
