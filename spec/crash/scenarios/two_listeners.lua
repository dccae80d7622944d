--- One event, two agents.
local agent = require("spec.support.home").agent

return {
  agents = { b = agent([[ctx.records.put{ type = "t", key = "b", value = input.id }]], 'on = { event = "x.made", key = "id" },'),
    c = agent([[ctx.records.put{ type = "t", key = "c", value = input.id }]], 'on = { event = "x.made", key = "id" },') },
  emit = { { "x.made", { id = "7" }, "7" } }, states = { b = "done", c = "done" }, records = 2,
}
