--- keel lua spec/budget/child.lua STORE URL SEED CALLS SHARE FIRST PARALLEL: the calls of
--- a plan from FIRST on, on a store that stays, until they are made or this process is
--- killed. Prints "open" when the books are open, and "done" at the end.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local loop = require "loop"
local model = require "model"
local plan = require "spec.budget.plan"

local path, url = arg[1], arg[2]
local numbers = {}
for i = 3, #arg do numbers[i - 2] = math.tointeger(tonumber(arg[i])) end
local seed, calls, share, first, parallel = table.unpack(numbers)

local p = plan.of(seed, { calls = calls, share = share, parallel = parallel })
local store = assert(require("store").open(path))
local m = assert(model.open { store = store, settings = plan.settings(p, url), now = plan.clock(clock.mono_us),
  retry = { base_ms = 1, most_ms = 4 } })
print "open"
io.stdout:flush()
for i = first, calls do
  loop.spawn(function() plan.ask(p, m, store, p.calls[i]) end)
end
loop.run()
store:close()
print "done"
