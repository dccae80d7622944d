--- A step, and the end.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[return ctx.step{ name = "s", run = function() return { n = 1 } end }]] },
  start = { { "a" } }, states = { a = "done" },
}
