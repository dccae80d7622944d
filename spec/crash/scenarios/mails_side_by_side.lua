--- Three mails at once, under keys of the script's own.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local branches = {}
    for n = 1, 3 do branches[n] = function() return ctx.skill.mail{ op = "send", key = "m" .. n, n = n }.key end end
    return ctx.all(branches)]], 'uses = { "mail" },') },
  start = { { "a" } }, states = { a = "done" }, outbox = 3,
}
