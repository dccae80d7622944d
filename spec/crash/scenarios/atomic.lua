--- Several changes as one.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    ctx.atomic(function()
      ctx.records.put{ type = "t", key = "one", value = 1 }
      ctx.records.put{ type = "t", key = "two", value = 2 }
      ctx.memory.remember{ kind = "fact", key = "both", text = "both are there" }
      ctx.emit("both.there", { id = "1" }, { key = "1" })
    end)
    return #ctx.records.find{ type = "t" }]],
    b = agent([[return #ctx.records.find{ type = "t" }]], 'on = { event = "both.there", key = "id" },') },
  start = { { "a" } }, states = { a = "done", b = "done" }, records = 2, memory = 1,
}
