--- Two children at once, each with a child of its own.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent [[
    local all = ctx.all{ x = function() return ctx.call("b", { n = 1 }) end, y = function() return ctx.call("b", { n = 10 }) end }
    return all.x + all.y]], b = agent [[return ctx.call("c", { n = input.n }) * 2]],
    c = agent [[return ctx.step{ name = "s", run = function() return input.n + 1 end }]] },
  start = { { "a" } }, states = { a = "done", b = "done", c = "done" },
}
