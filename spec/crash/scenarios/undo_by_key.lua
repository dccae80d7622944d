--- A charge that is given back on the same service.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.step{ name = "charge", run = function() return ctx.skill.world{ op = "charge", sum = 9 }.body.sum end,
      undo = function(sum) ctx.skill.world{ op = "refund", sum = sum } end }
    ctx.records.put{ type = "t", key = "charged", value = true }
    error("it cannot be delivered")]], 'uses = { "world" },') },
  start = { { "a" } }, states = { a = "compensated" }, records = 1, ledger = 2,
}
