--- An agent whose event wakes another, whose event wakes a third.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[ctx.emit("one", { id = "1" }, { key = "1" }) return 1]],
    b = agent([[ctx.emit("two", { id = input.id }, { key = "1" }) return 2]], 'on = { event = "one", key = "id" },'),
    c = agent([[ctx.records.put{ type = "t", key = "end", value = input.id } return 3]], 'on = { event = "two", key = "id" },') },
  start = { { "a" } }, states = { a = "done", b = "done", c = "done" }, records = 1,
}
