--- A yes for exactly these arguments, which lets exactly one effect through.
local agent = require("spec.support.home").agent

return {
  config = 'policy = { { effect = "mail.send", say = "ask" } },',
  agents = { a = agent([[
    local v = ctx.approve{ subject = "order:7", effect = "mail", proposal = { op = "send", key = "order:7", n = 1 } }
    ctx.skill.mail(v.value)
    return v.outcome]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 1, decide = { state = "approved" },
}
