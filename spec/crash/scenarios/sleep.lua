--- A durable timer between two records.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    ctx.records.put{ type = "t", key = "before", value = 1 }
    ctx.sleep(12)
    ctx.records.put{ type = "t", key = "after", value = 1 }]] },
  start = { { "a" } }, states = { a = "done" }, records = 2,
}
