--- Everything is held, and let go again.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.records.put{ type = "t", key = "before", value = 1 }
    ctx.sleep(8)
    ctx.records.put{ type = "t", key = "after", value = 1 }
    ctx.skill.mail{ op = "send", key = "after" }]], 'uses = { "mail" },') },
  pause = true,
  start = { { "a" } }, states = { a = "done" }, records = 2, outbox = 1,
}
