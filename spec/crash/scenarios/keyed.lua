--- An effect on a service that honours keys.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local one = ctx.skill.world{ op = "charge", sum = 5 }
    ctx.records.put{ type = "t", key = "charged", value = one.op }
    return one.body.sum]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "done" }, records = 1, ledger = 1,
}
