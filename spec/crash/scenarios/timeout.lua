--- A step that takes too long.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local got, err = ctx.step{ name = "slow", timeout = "15ms", run = function()
      ctx.records.put{ type = "t", key = "begun", value = 1 }
      ctx.wait{ event = "never" }
      return 1
    end }
    ctx.records.put{ type = "t", key = "why", value = err.code }
    return err.code]] },
  start = { { "a" } }, states = { a = "done" }, records = 2,
}
