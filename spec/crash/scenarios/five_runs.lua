--- Five runs at once that write what they read.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.sleep(input.n * 2)
    ctx.records.put{ type = "t", key = "k" .. input.n, value = input.n }
    ctx.skill.mail{ op = "send", key = "m" .. input.n }
    return input.n]], 'uses = { "mail" },') },
  start = { { "a", { n = 1 } }, { "a", { n = 2 } }, { "a", { n = 3 } }, { "a", { n = 4 } }, { "a", { n = 5 } } },
  states = { a = "done" }, records = 5, outbox = 5,
}
