--- A run that reaches its cap of instructions.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    ctx.records.put{ type = "t", key = "k", value = 1 }
    while true do end]], 'caps = { instructions = 100000 },') },
  start = { { "a" } }, states = { a = "failed" }, records = 1,
}
