--- An effect at most once that nobody can be asked for, but the owner.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local one = ctx.skill.world{ op = "ring", sum = 5 }
    ctx.records.put{ type = "t", key = "rung", value = one.op }
    return one.body.sum]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "done" }, records = 1, ledger = 1,
}
