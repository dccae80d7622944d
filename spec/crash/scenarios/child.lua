--- Another agent as a part of this one.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local out = ctx.call("b", { n = 20 })
    ctx.records.put{ type = "t", key = "out", value = out }
    return out]], b = agent [[ctx.sleep(5) return ctx.step{ name = "s", run = function() return input.n + 1 end }]] },
  start = { { "a" } }, states = { a = "done", b = "done" }, records = 1,
}
