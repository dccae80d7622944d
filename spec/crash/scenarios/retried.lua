--- A step that fails twice and is tried again, with mails on the way.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local n = 0
    return ctx.step{ name = "stubborn", retry = { attempts = 4, initial = "4ms", factor = 1, jitter = 0 }, run = function()
      n = n + 1
      ctx.skill.mail{ op = "send", key = "try" .. n }
      if n < 3 then error("not yet") end
      return n
    end }]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 3,
}
