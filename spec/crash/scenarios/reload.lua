--- An agent that is saved anew while a run of it sleeps: the run keeps what it began with.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    ctx.sleep(10)
    ctx.records.put{ type = "t", key = input.id, value = "old" }
    return "old"]] },
  start = { { "a", { id = "first" } } },
  saved = { a = agent [[
    ctx.records.put{ type = "t", key = input.id, value = "new" }
    return "new"]] },
  after_save = { { "a", { id = "second" } } },
  states = { a = "done" }, records = 2,
}
