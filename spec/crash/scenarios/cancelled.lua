--- A run that is given up while it waits: what it did is undone.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.step{ name = "one", run = function() return ctx.skill.mail{ op = "send", key = "one" }.key end,
      undo = function() ctx.skill.mail{ op = "send", key = "undo one" } end }
    ctx.wait{ event = "never" }]], 'uses = { "mail" },') },
  cancel = true,
  start = { { "a" } }, states = { a = "cancelled" }, outbox = 2,
}
