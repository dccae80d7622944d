--- Only a person at a terminal who asks for nothing else reviews by keys; an engine that
--- answers for another process never does.
local function is_review(args, context)
  if args.list or context.json or context.served then return false end
  local file = require "file"
  return file.isatty(0) and file.isatty(1) and context.getenv "TERM" ~= "dumb"
end

return {
  about = "what waits for your decision",
  flags = {
    { "all", nil, "what was put off, too" },
    { "list", nil, "print the list, at a terminal too" },
  },
  notes = "At a terminal this is a review by keys: a approves, r rejects, e edits, ? shows the others. Else, with --list"
    .. " and with --json, each question shows what exactly would be done; `keel approve` and `keel reject`"
    .. " decide it.",
  run = function(args, context)
    if is_review(args, context) then return require("inbox_review").run(context, { all = args.all }) end
    local view = require "view"
    local e, items, err
    e, err = context.look()
    if not e then return nil, err end
    items, err = e:inbox { all = args.all }
    if not items then return nil, err end
    if context.json then
      context.print_json(items)
      return 0
    end
    if #items == 0 then
      context.out "nothing waits for you\n"
      return 0
    end
    context.out(view.count(#items, "question waits", "questions wait") .. " for you\n")
    for i, item in ipairs(items) do
      context.out("\n" .. view.question(context, item, i))
    end
    return 0
  end,
}
