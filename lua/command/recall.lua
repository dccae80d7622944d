return {
  about = "take a decision back, as long as nothing came of it",
  arguments = { { "id", "ID" } },
  flags = { { "note", "TEXT", "why, for the record" } },
  notes = "A decision waits for its time of undoing (approvals.undo in config.lua, or undo of ctx.approve) before the"
    .. " run goes on with it. Until then it can be taken back and is open again; later this says why it is too late,"
    .. " unless the run itself waits for the event approval.recalled: then it is told.",
  examples = { "keel recall ID" },
  remote = true,
  run = function(args, context)
    local e, err = context.engine()
    if not e then return nil, err end
    local item
    item, err = e:recall(args.id, { note = args.note, channel = "cli" })
    if not item then return nil, err end
    local ok
    ok, err = e:drain()
    if not ok then return nil, err end
    item.run_id = nil
    if context.json then
      context.print_json(item)
    elseif item.told then
      context.out(("%s was acted on already; its run is told that it is taken back\n"):format(item.id))
    else
      context.out(("%s is open again; nothing came of it\n"):format(item.id))
    end
    return 0
  end,
}
