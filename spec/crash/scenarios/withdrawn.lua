--- A question whose fact changes while it waits.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    ctx.records.put{ type = "t", key = "invoice", value = { open = 10 } }
    local v = ctx.approve{ subject = "remind", proposal = { eur = 10 }, facts = { { records = "t", key = "invoice" } } }
    ctx.records.put{ type = "t", key = "outcome", value = v.outcome }
    return v.outcome]],
    b = agent([[ctx.records.put{ type = "t", key = "invoice", value = { open = 0 } }]], 'on = { event = "paid" },') },
  start = { { "a" } }, emit = { { "paid", {}, "p1" } }, states = { a = "done", b = "done" }, records = 2,
}
