--- An event from outside, and the agent that listens.
local agent = require("spec.support.home").agent

return {
  agents = { b = agent([[ctx.records.put{ type = "t", key = input.id, value = input.n } return input.n]],
    'on = { event = "x.made", key = "id" },') },
  emit = { { "x.made", { id = "7", n = 3 }, "7" } }, states = { b = "done" }, records = 1,
}
