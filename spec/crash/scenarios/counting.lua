--- What is read is written one higher: twice would show.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    for _ = 1, 4 do
      local n = ctx.records.get{ type = "t", key = "n" } or 0
      ctx.records.put{ type = "t", key = "n", value = n + 1 }
    end
    return ctx.records.get{ type = "t", key = "n" }]] },
  start = { { "a" } }, states = { a = "done" }, records = 1,
}
