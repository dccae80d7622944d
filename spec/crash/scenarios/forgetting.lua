--- What is remembered and forgotten again.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    for n = 1, 3 do ctx.memory.remember{ kind = "fact", key = "f" .. n, text = "fact number " .. n } end
    ctx.memory.forget{ kind = "fact", key = "f2" }
    return true]] },
  start = { { "a" } }, states = { a = "done" }, memory = 2,
}
