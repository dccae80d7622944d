return {
  about = "say no to what an agent proposes",
  arguments = { { "ids", "ID", many = true } },
  flags = { { "note", "TEXT", "why, for the record and for the agent" },
    { "digest", "HEX", "only if this is the digest of what it asks" },
    { "same", nil, "and every other question that asks the very same thing" } },
  notes = "The run goes on at once with your no; what it did before may be undone by it. Of several each"
    .. " is told of, and the exit code is 1 when any was not decided.",
  remote = true,
  run = function(args, context)
    local decision = { state = "rejected", note = args.note, digest = args.digest }
    return require("decide").named(context, "reject", args, decision)
  end,
}
