return {
  about = "what waits for your decision",
  notes = "Each question shows what exactly would be done; `keel approve` and `keel reject`"
    .. " decide it.",
  run = function(_, context)
    local view = require "view"
    local e, items, err
    e, err = context.look()
    if not e then return nil, err end
    items, err = e:inbox()
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
