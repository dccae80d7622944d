return {
  about = "make a home of a backup, or compare one",
  arguments = { { "file", "FILE" } },
  flags = {
    { "check", nil, "only compare it with its digests" },
    { "force", nil, "what is in the home already is moved aside" },
    { "go", nil, "do not hold its work" },
  },
  notes = "The home (--home) must be empty or not there. All is compared before anything is put in place. The work of a"
    .. " restored home is held, since the home that was kept may be at work elsewhere still: `keel resume --all` lets it"
    .. " go, once the other one has stopped. Keys that config.lua takes from the environment are not in a backup.",
  examples = { "keel restore keel-monday.tar --home ~/keel", "keel restore keel-monday.tar --check" },
  run = function(args, context)
    local backup, terminal, view = require "backup", require "terminal", require "view"
    if args.check then
      local manifest, err = backup.read(args.file)
      if not manifest then return nil, err end
      if context.json then
        context.print_json { file = args.file, files = #manifest.files, at = manifest.at, ok = true }
      else
        context.out(("%s: %s of %s, all as they were kept\n"):format(terminal.escape(args.file),
          view.count(#manifest.files, "file"), manifest.at))
      end
      return 0
    end
    local told, err = backup.restore(args.file, context.home, { force = args.force, go = args.go })
    if not told then return nil, err end
    if context.json then
      context.print_json(told)
      return 0
    end
    context.out(("%s: %s of %s\n"):format(terminal.escape(told.home), view.count(told.files, "file"), told.at))
    if told.aside then context.out(("what was there is in %s\n"):format(terminal.escape(told.aside))) end
    if told.held then
      context.out "its work is held: once the home that was kept has stopped, let it go\n"
      context.out(view.next(context, "resume --all", "doctor"))
    end
    return 0
  end,
}
