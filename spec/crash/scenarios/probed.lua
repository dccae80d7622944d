--- An effect at most once that can be asked for.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local one = ctx.skill.world{ op = "post", sum = 5 }
    ctx.records.put{ type = "t", key = "posted", value = one.op }
    return one.body.sum]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "done" }, records = 1, ledger = 1,
}
