--- Records that are put and deleted.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    for n = 1, 3 do ctx.records.put{ type = "t", key = "k" .. n, value = n } end
    ctx.records.delete{ type = "t", key = "k1" }
    return #ctx.records.find{ type = "t" }]] },
  start = { { "a" } }, states = { a = "done" }, records = 2,
}
