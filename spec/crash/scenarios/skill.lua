--- A skill of one's own, in steps.
local agent = require("spec.support.home").agent

return {
  agents = { a = agent([[
    local n = 0
    for i = 1, 3 do n = ctx.skill.double{ n = n + i }.n end
    return n]], 'uses = { "double" },') },
  skills = { double = [[return skill { version = 1, about = "doubles", effect = "pure",
    ["local"] = function(args) return { n = args.n * 2 } end }]] },
  start = { { "a" } }, states = { a = "done" },
}
