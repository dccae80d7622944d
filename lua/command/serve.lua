return {
  about = "run the engine: watch the folders, fire timers, answer commands and HTTP",
  flags = {
    { "listen", "HOST:PORT", "where HTTP is answered; port 0 picks one, 'off' does without" },
    { "log", "FORM", "how the log on standard error is written: text, or json, an object a line (text)" },
    { "foreground", nil, "stay in front (it does so in any case)" },
    { "stall", "MS", "restart the engine when its loop stands still so long (5000)", kind = "count", hidden = true },
  },
  notes = "One engine serves a home, with a supervisor above it that starts it again within a"
    .. " second when it dies. When it is ready it prints one JSON line and writes the same to"
    .. " var/engine.json: {\"pid\",\"supervisor_pid\",\"listen\",\"url\"}. SIGTERM or Ctrl-C"
    .. " stop it cleanly, a second one at once. Other commands go on working meanwhile:"
    .. " they ask the engine through var/engine.sock.",
  examples = { "keel serve", "keel serve --listen 127.0.0.1:0", "keel serve --log json 2>>keel.log" },
  run = function(args, context)
    local errors = require "errors"
    if require("file").kind(context.home) ~= "folder" then
      return nil, errors.new("K1013", { name = context.home })
    end
    if args.stall and args.stall < 100 then
      return nil, errors.new("K1004", { name = "--stall", command = "serve", detail = "at least 100" })
    end
    if args.log and args.log ~= "text" and args.log ~= "json" then
      return nil, errors.new("K1004", { name = "--log", command = "serve", detail = "text or json" })
    end
    return require("serve").run { home = context.home, listen = args.listen, stall_ms = args.stall, log = args.log }
  end,
}
