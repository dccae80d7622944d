--- A question whose answer is another proposal.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local v = ctx.approve{ subject = "order:7", proposal = { n = 1 } }
    ctx.skill.mail{ op = "send", key = "order:7", n = v.value.n }
    return v.value.n]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 1, decide = { state = "edited", value = { n = 2 } },
}
