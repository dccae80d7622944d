local styles = { ok = "good", warn = "warn", bad = "bad" }

return {
  about = "whether the home and the machine are well, and what to do where they are not",
  flags = { { "thorough", nil, "read every page and index of the store" } },
  notes = "Exit code 1 when something is bad; warnings are for you to judge.",
  run = function(args, context)
    local terminal = require "terminal"
    local list = require("doctor").examine(context.home, { getenv = context.getenv, thorough = args.thorough })
    local worst = 0
    for _, one in ipairs(list) do worst = math.max(worst, one.state == "bad" and 1 or 0) end
    if context.json then
      context.print_json(list)
      return worst
    end
    local t, last = context.terminal, nil
    for _, one in ipairs(list) do
      context.out(("%s  %s  %s\n"):format(t:style(styles[one.state], terminal.pad(one.state, 4)),
        terminal.pad(one.check == last and "" or one.check, 17), terminal.fit(one.found, math.max(t.width - 26, 20))))
      if one.state ~= "ok" then
        context.out(t:style("dim", ("      %s  %s\n"):format((" "):rep(17), terminal.fit(one.why or "", math.max(t.width - 26, 20)))))
        context.out(("      %s  next: %s\n"):format((" "):rep(17), terminal.escape((one.next or ""):gsub("^keel (.*)$", context.command))))
      end
      last = one.check
    end
    return worst
  end,
}
