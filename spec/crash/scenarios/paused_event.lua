--- An event that comes while the run that waits for it is held.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local event = ctx.wait{ event = "go" }
    ctx.records.put{ type = "t", key = "after", value = event.payload.id }
    ctx.skill.mail{ op = "send", key = "after" }]], 'uses = { "mail" },') },
  pause = true,
  start = { { "a" } }, emit = { { "go", { id = "1" }, "1" } }, states = { a = "done" }, records = 1, outbox = 1,
}
