--- A question that nobody answers in time.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local v = ctx.approve{ subject = "order:7", proposal = { n = 1 }, within = "15ms", otherwise = "skip" }
    ctx.records.put{ type = "t", key = "outcome", value = v.outcome }
    return v.outcome]] },
  start = { { "a" } }, states = { a = "done" }, records = 1,
}
