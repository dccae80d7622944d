--- The answer is lost, the owner takes it back, and the step before it, too.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.step{ name = "first", run = function() return ctx.skill.mail{ op = "send", key = "first" }.key end,
      undo = function() ctx.skill.mail{ op = "send", key = "first, undone" } end }
    local one, err = ctx.skill.world{ op = "lost", sum = 5 }
    error("not reached")]], 'uses = { "world", "mail" },') },
  reconcile = { answer = "undo", value = { n = 1 } },
  start = { { "a" } }, states = { a = "compensated" }, outbox = 2, ledger = 2,
}
