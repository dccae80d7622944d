--- Memories that outlive their time are collected.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    for n = 1, 3 do ctx.memory.remember{ kind = "fact", key = "short" .. n, text = "short lived " .. n, ttl = "5ms" } end
    ctx.memory.remember{ kind = "fact", key = "long", text = "this one stays" }
    return true]] },
  collect = true,
  start = { { "a" } }, states = { a = "done" }, memory = 1,
}
