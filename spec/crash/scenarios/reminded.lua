--- A question with a reminder, one that is told when nobody answers, and an end.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local v = ctx.approve{ subject = "order:7", proposal = { n = 1 }, remind = "5ms", escalate = { { after = "10ms", to = "Ana" } },
      within = "20ms", otherwise = "reject" }
    ctx.records.put{ type = "t", key = "outcome", value = v.outcome }
    return v.outcome]] },
  start = { { "a" } }, states = { a = "done" }, records = 1,
}
