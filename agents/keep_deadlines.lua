-- A deadline changed: it is written into the work that it is of, each time that it does.
--
--   keel emit deadline.changed '{"work":"WK-3","due":"2026-03-12"}'
--
-- agents/prioritise.lua makes one plan of what comes within seconds, and is given the last of
-- it alone; nothing is lost, since all of it is written here first.

return agent {
  version = 1,
  about = "Writes deadlines that changed into the work",
  on = { event = "deadline.changed" },

  input = {
    type = "object",
    properties = { work = { type = "string" }, id = { type = "string" }, due = { type = "string" }, days_to_due = { type = "number" } },
  },
  output = { type = "object", required = { "changed" }, properties = { changed = { type = "boolean" } } },

  run = function(ctx, told)
    local id = told.work or told.id
    local item = id and ctx.records.get { type = "work", key = id }
    local due = told.due and told.due:match("^%d%d%d%d%-%d%d%-%d%d")
    local days = not due and told.days_to_due or nil
    if not item or not (due or days) or item.due == due and item.days_to_due == days then
      return { changed = false }
    end
    item.due, item.days_to_due = due, days
    ctx.records.put { type = "work", key = id, value = item }
    return { changed = true }
  end,
}
