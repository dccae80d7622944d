-- keel lua spec/support/storm.lua STORE BASE_URL CALLS BUDGET: parallel calls until the
-- budget is gone or this process is killed. Prints "open" when it begins.
local loop = require "loop"
local model = require "model"

local path, url, calls, budget = arg[1], arg[2], math.tointeger(tonumber(arg[3])), arg[4]
local store = assert(require("store").open(path))
local m = assert(model.open {
  store = store, retry = { base_ms = 1, most_ms = 2 },
  settings = { budget = { day = budget }, tiers = { small = { { provider = "openai", model = "gpt-x-mini", base_url = url,
    max_parallel = 32, price = { input = 0.20, output = 0.80, cached = 0.05 } } } } },
})
print "open"
io.stdout:flush()
for i = 1, calls do
  loop.spawn(function()
    m:ask({ tier = "small", prompt = "call " .. i, max_tokens = 20 }, { run = "run_" .. i % 7, agent = "storm", seq = i })
  end)
end
loop.run()
store:close()
