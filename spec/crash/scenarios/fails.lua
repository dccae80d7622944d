--- A run that ends with an error, after something was done.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.skill.mail{ op = "send", key = "m" }
    ctx.records.put{ type = "t", key = "k", value = 1 }
    error("there is nothing more to do")]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "failed" }, records = 1, outbox = 1,
}
