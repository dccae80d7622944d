--- Steps, each of which builds on the one before.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local n = 1
    for i = 1, 10 do n = ctx.step{ name = "s" .. i, run = function() return n * 2 end } end
    return n]] },
  start = { { "a" } }, states = { a = "done" },
}
