--- The same key twice counts once.
local agent = require("spec.support.home").agent

return {
  agents = { b = agent([[
    local n = ctx.records.get{ type = "t", key = "n" } or 0
    ctx.records.put{ type = "t", key = "n", value = n + 1 }
    return n]], 'on = { event = "x.made", key = "id" },') },
  emit = { { "x.made", { id = "7" }, "7" }, { "x.made", { id = "7" }, "7" } }, states = { b = "done" }, records = 1,
}
