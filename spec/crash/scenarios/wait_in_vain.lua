--- A run that waits for an event that never comes.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local event, err = ctx.wait{ event = "paid", within = "15ms" }
    ctx.records.put{ type = "t", key = "why", value = err.code }
    return err.code]] },
  start = { { "a" } }, states = { a = "done" }, records = 1,
}
