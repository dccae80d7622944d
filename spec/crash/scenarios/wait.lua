--- A run that waits for an event.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local event = ctx.wait{ event = "paid", where = { id = "7" } }
    ctx.records.put{ type = "t", key = "paid", value = event.payload.sum }
    return event.payload.sum]] },
  start = { { "a" } }, emit = { { "paid", { id = "6", sum = 1 }, "6" }, { "paid", { id = "7", sum = 5 }, "7" } },
  states = { a = "done" }, records = 1,
}
