--- A child that fails, and a parent that knows what to do.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local out, err = ctx.call("b", {})
    ctx.records.put{ type = "t", key = "why", value = err.message }
    return out == nil]], b = agent [[ctx.step{ name = "s", run = function() return 1 end } error({ message = "no luck" })]] },
  start = { { "a" } }, states = { a = "done", b = "failed" }, records = 1,
}
