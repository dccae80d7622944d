--- One mail, between two records.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.records.put{ type = "t", key = "before", value = 1 }
    ctx.skill.mail{ op = "send", to = "ana@example.org", text = "hello" }
    ctx.records.put{ type = "t", key = "after", value = 1 }]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, records = 2, outbox = 1,
}
