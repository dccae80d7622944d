--- Three steps that are taken back, newest first, when the fourth fails.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    for n = 1, 3 do
      ctx.step{ name = "do" .. n, run = function() return ctx.skill.mail{ op = "send", key = "do" .. n }.key end,
        undo = function(key) ctx.skill.mail{ op = "send", key = "undo:" .. key } end }
    end
    ctx.step{ name = "fail", run = function() error("no more") end }]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "compensated" }, outbox = 6,
}
