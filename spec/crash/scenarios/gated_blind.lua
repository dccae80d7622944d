--- One that happens at most once, and that nobody can be asked about, behind a gate.
local agent = require("spec.support.home").agent

return {
  config = 'policy = { { effect = "world.ring", say = "ask" } },',
  agents = { a = agent([[
    ctx.skill.world{ op = "ring", n = 1 }
    return "rung"]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "done" }, ledger = 1, decide = { state = "approved" },
}
