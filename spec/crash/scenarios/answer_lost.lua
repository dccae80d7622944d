--- A service that always loses its answer: the owner says that it happened.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local one = ctx.skill.world{ op = "lost", sum = 5 }
    ctx.records.put{ type = "t", key = "done", value = one.body.sum }
    return one.op]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "done" }, records = 1, ledger = 1,
}
