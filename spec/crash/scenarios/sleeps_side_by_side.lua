--- Three timers at once; each writes when it is over.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local branches = {}
    for n = 1, 3 do
      branches[n] = function()
        ctx.sleep(n * 4)
        ctx.records.put{ type = "t", key = "n" .. n, value = n }
        return n
      end
    end
    local all = ctx.all(branches)
    return all[1] + all[2] + all[3] ]] },
  start = { { "a" } }, states = { a = "done" }, records = 3,
}
