--- What is remembered, found and remembered anew.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    ctx.memory.remember{ kind = "fact", key = "tea", text = "Ana drinks tea" }
    local found = ctx.memory.search{ query = "tea", k = 3 }
    ctx.memory.remember{ kind = "fact", key = "tea", text = "Ana drinks coffee now" }
    return #found]] },
  start = { { "a" } }, states = { a = "done" }, memory = 2,
}
