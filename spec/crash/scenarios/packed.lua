--- Runs that are over, whose journals are packed, and a file that is written anew.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    for n = 1, 5 do ctx.step{ name = "s" .. n, run = function() return ("text "):rep(50) .. n end } end
    ctx.records.put{ type = "t", key = "k" .. input.n, value = input.n }
    ctx.skill.mail{ op = "send", key = "m" .. input.n }
    return input.n]], 'uses = { "mail" },') },
  tidy = true,
  start = { { "a", { n = 1 } }, { "a", { n = 2 } } }, states = { a = "done" }, records = 2, outbox = 2,
}
