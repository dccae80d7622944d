--- Events that begin three at a time, those of one customer in their order.
local agent = require("spec.support.home").agent

return {
  agents = { b = agent([[
    ctx.sleep(3)
    local seen = ctx.records.get{ type = "t", key = input.who } or ""
    ctx.records.put{ type = "t", key = input.who, value = seen .. input.id }
    return input.id]], 'concurrency = 3, on = { event = "x.made", key = "id", order = "who" },') },
  emit = { { "x.made", { id = "1", who = "ana" }, "1" }, { "x.made", { id = "2", who = "bo" }, "2" },
    { "x.made", { id = "3", who = "ana" }, "3" }, { "x.made", { id = "4", who = "ana" }, "4" } },
  states = { b = "done" }, records = 2,
}
