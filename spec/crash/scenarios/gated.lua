--- An effect that the policy wants asked, approved with other arguments.
local agent = require("spec.support.home").agent

return {
  config = 'policy = { { effect = "mail.*", say = "ask" } },',
  agents = { a = agent([[
    ctx.step{ name = "before", run = function() return 1 end }
    local sent = ctx.skill.mail{ op = "send", key = "order:7", n = 1 }
    return sent.key]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 1, decide = { state = "edited", value = { op = "send", key = "order:7", n = 2 } },
}
