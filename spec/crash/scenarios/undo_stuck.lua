--- A step that cannot be taken back: the owner passes it over, the one before it is undone.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.step{ name = "one", run = function() return ctx.skill.mail{ op = "send", key = "one" }.key end,
      undo = function() ctx.skill.mail{ op = "send", key = "undo one" } end }
    ctx.step{ name = "two", run = function() return 2 end, undo_retry = { attempts = 1 },
      undo = function() error("it is stuck") end }
    error("no more")]], 'uses = { "mail" },') },
  stuck = { answer = "abandon" },
  start = { { "a" } }, states = { a = "failed" }, outbox = 2,
}
