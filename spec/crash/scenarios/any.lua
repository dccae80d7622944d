--- The first of two; the other is given up.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local key = ctx.any{ slow = function() ctx.wait{ event = "never" } end, fast = function() ctx.sleep(8) return 1 end }
    ctx.records.put{ type = "t", key = "won", value = key }
    return key]] },
  start = { { "a" } }, states = { a = "done" }, records = 1,
}
