--- A question, a no, and what the no undoes.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.step{ name = "hold", run = function() return ctx.skill.mail{ op = "send", key = "hold" }.key end,
      undo = function() ctx.skill.mail{ op = "send", key = "release" } end }
    local v = ctx.approve{ subject = "order:7", proposal = { n = 1 } }
    if not v.approved then error({ code = "rejected", message = "the owner said no" }) end]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "rejected" }, outbox = 2, decide = { state = "rejected" },
}
