--- Dice and the clock of a run are the same when it is played again.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local one, t = ctx.random(1000000), ctx.now()
    ctx.sleep(6)
    local kept = ctx.step{ name = "keep", run = function() return { one = one, t = t } end }
    ctx.sleep(6)
    return kept.one == one and kept.t == t]] },
  start = { { "a" } }, states = { a = "done" },
}
