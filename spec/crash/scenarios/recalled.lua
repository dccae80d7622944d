--- A yes that is taken back, and given again.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local v = ctx.approve{ subject = "order:7", proposal = { n = 1 }, undo = "20ms" }
    if v.approved then ctx.skill.mail{ op = "send", key = "order:7", n = v.value.n } end
    return v.outcome]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 1, decide = { state = "approved" }, recall = true,
}
