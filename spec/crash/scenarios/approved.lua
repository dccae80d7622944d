--- A question, a yes, a mail.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local v = ctx.approve{ subject = "order:7", proposal = { n = 1 } }
    if v.approved then ctx.skill.mail{ op = "send", key = "order:7", n = v.value.n } end
    return v.outcome]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 1, decide = { state = "approved" },
}
