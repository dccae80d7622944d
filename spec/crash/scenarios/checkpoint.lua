--- So much is written that the log is moved into the file while a run sleeps.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    for n = 1, 4 do ctx.records.put{ type = "t", key = "k" .. n, value = ("x"):rep(150000) } end
    ctx.sleep(240)
    for n = 1, 4 do ctx.records.put{ type = "t", key = "k" .. n, value = ("y"):rep(150000) } end
    ctx.sleep(240)
    return #ctx.records.get{ type = "t", key = "k1" }]] },
  start = { { "a" } }, states = { a = "done" }, records = 4,
}
