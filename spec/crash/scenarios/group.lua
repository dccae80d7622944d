--- A step with commands inside: its body plays again, its commands do not.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    return ctx.step{ name = "group", run = function()
      ctx.records.put{ type = "t", key = "one", value = 1 }
      ctx.records.put{ type = "t", key = "two", value = 2 }
      return #ctx.records.find{ type = "t" }
    end }]] },
  start = { { "a" } }, states = { a = "done" }, records = 2,
}
