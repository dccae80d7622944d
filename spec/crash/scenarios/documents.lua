--- Files in a folder: writing the same twice is the same as once.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.skill.docs{ op = "write", name = "one.txt", text = "one" }
    ctx.skill.docs{ op = "write", name = "two.txt", text = ctx.skill.docs{ op = "read", name = "one.txt" }.text .. "two" }
    return ctx.skill.docs{ op = "list" }.names]], 'uses = { "docs" },') },
  start = { { "a" } }, states = { a = "done" },
}
