--- Two of them at once, with a third that has a key.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local all = ctx.all{ x = function() return ctx.skill.world{ op = "ring", sum = 1 }.body.sum end,
      y = function() return ctx.skill.world{ op = "ring", sum = 2 }.body.sum end,
      z = function() return ctx.skill.world{ op = "charge", sum = 4 }.body.sum end }
    return all.x + all.y + all.z]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "done" }, ledger = 3,
}
