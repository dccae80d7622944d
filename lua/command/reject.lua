return {
  about = "say no to what an agent proposes",
  arguments = { { "id", "ID" } },
  flags = { { "note", "TEXT", "why, for the record and for the agent" },
    { "digest", "HEX", "only if this is the digest of what it asks" },
    { "same", nil, "and every other question that asks the very same thing" } },
  notes = "The run goes on at once with your no; what it did before may be undone by it.",
  remote = true,
  run = function(args, context)
    local decision = { state = "rejected", note = args.note, digest = args.digest }
    if args.same then return require("decide").same(context, args.id, decision) end
    return require("decide").run(context, args.id, decision)
  end,
}
