return {
  about = "keep the whole home in one file: settings, agents, skills, store",
  arguments = { { "file", "FILE" } },
  flags = {
    { "with-secrets", nil, "the token of HTTP, too; keys in files never" },
    { "force", nil, "write over FILE" },
  },
  notes = "Works while an engine runs: the store is copied as of one moment. FILE is a tar that begins with a"
    .. " manifest of digests; it is private to you. `keel restore FILE --check` compares it.",
  examples = { "keel backup keel-monday.tar" },
  run = function(args, context)
    local file, terminal = require "file", require "terminal"
    if file.kind(context.home) ~= "folder" or not file.exists(file.join(context.home, "config.lua")) then
      return nil, require("errors").new("K1013", { name = context.home })
    end
    local config = require("settings").load(file.join(context.home, "config.lua"), context.getenv)
    local told, err = require("backup").write(context.home, args.file, { with_secrets = args.with_secrets, force = args.force,
      inbox = config and config.inbox or { "inbox" } })
    if not told then return nil, err end
    if context.json then
      context.print_json(told)
    else
      context.out(("%s: %s, %s\n"):format(terminal.escape(told.file), require("view").count(told.files, "file"),
        require("bytesize").format(told.bytes)))
      context.out(require("view").next(context, "restore " .. args.file .. " --check"))
    end
    return 0
  end,
}
