--- The answer is lost, and the owner leaves it at that.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.records.put{ type = "t", key = "before", value = 1 }
    ctx.skill.world{ op = "lost", sum = 5 }
    ctx.records.put{ type = "t", key = "never", value = 1 }]], 'uses = { "world" },') },
  reconcile = { answer = "abandon" },
  start = { { "a" } }, states = { a = "failed" }, records = 1, ledger = 1,
}
