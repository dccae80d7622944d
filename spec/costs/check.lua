-- Whether every way to ask for costs says the same, to the pico-USD, over many calls with odd
-- prices: the ledger row by row, the sums, keel costs, the page, OTLP and Prometheus.
--   make costs-check CALLS=100000
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local home = require "spec.support.home"
local json = require "json"
local keel = require "spec.support.keel"
local loop = require "loop"
local money = require "money"

local calls = math.tointeger(tonumber(os.getenv "CALLS" or "")) or 100000
local passed, failed = 0, 0

local function check(what, wanted, got)
  if wanted == got then passed = passed + 1 else failed = failed + 1 end
  print(("%s  %s: %s"):format(wanted == got and "ok  " or "FAIL", what, wanted == got and tostring(got) or tostring(got) .. ", not " .. tostring(wanted)))
end

local h = home.make { agents = { asker = home.agent "return 1" }, config = 'return { zone = "Asia/Kathmandu", owner = "Mira" }' }
local now = clock.now_ms() - 6 * 86400000
local e = h:open { clock = function() return now end }
e.clock = function() return now end
math.randomseed(8)

-- ---- the calls -----------------------------------------------------------------------------
local began = clock.mono_us()
local books = e:model_client().books
local next_call, at_work = 0, 0

local function one_call(i)
  local held = assert(books:reserve { run = "run_" .. i % 97, agent = "agent" .. i % 7, model = "m" .. i % 5, provider = "echo", tier = i % 3 == 0 and "large" or "small",
    money = 90000000 + i, tokens = 900, price = '{"input":370001,"output":1930003}', seq = i })
  local dice = i * 7919 % 100
  if dice < 90 then assert(books:settle(held, { cost = (i * 104729) % 89999999, input = i % 701, output = i % 197, cached = i % 31 }))
  elseif dice < 95 then assert(books:estimate(held, "timeout"))
  else assert(books:release(held, "connection_lost")) end
end

local function worker()
  while next_call < calls do
    next_call = next_call + 1
    if next_call % 50 == 0 then now = now + 200 end
    one_call(next_call)
  end
  at_work = at_work - 1
end

for _ = 1, 64 do
  at_work = at_work + 1
  e:task(worker, 0)
end
while at_work > 0 do loop.turn(true) end
assert(e:drain())
print(("%d calls in %.1f s"):format(calls, (clock.mono_us() - began) / 1e6))

-- ---- the sums ------------------------------------------------------------------------------
local ledger, rows, after = 0, 0, nil
for _, row in ipairs(e:rows("ledger.list", { since = 0, limit = calls + 10 })) do
  ledger, rows, after = ledger + row.cost, rows + 1, row
end
check("rows in the ledger", calls, rows)
print(("the ledger: %s pico-USD"):format(money.to_json(ledger)))

local function sum_of(list)
  local sum = 0
  for _, row in ipairs(list) do sum = sum + money.from_json(row.cost_picousd) end
  return sum
end

for _, by in ipairs { {}, { "day" }, { "agent", "model" }, { "tier" }, { "run" } } do
  check("sums by " .. (by[1] and table.concat(by, ",") or "nothing"), ledger, sum_of(e:costs { by = by, since_ms = 0, limit = 1000000 }))
end

for by, list in pairs(e:cost_tables { since_ms = 0 }) do check("the page's table by " .. by, ledger, sum_of(list)) end

local metered = 0
for value in require("observe.metrics").text(e):gmatch "keel_model_cost_picousd_total{[^}]*} (%d+)" do metered = metered + math.tointeger(tonumber(value)) end
check("Prometheus", ledger, metered)

local told = 0
local request = require("observe.sums").metrics(e)
for _, metric in ipairs(request.resourceMetrics[1].scopeMetrics[1].metrics) do
  for _, point in ipairs(metric.name == "keel.cost.picousd" and metric.sum.dataPoints or {}) do told = told + math.tointeger(tonumber(point.asInt)) end
end
check("OTLP, as integers", ledger, told)
e:close()
h.engine = nil

for _, by in ipairs { "agent,model", "day", "tier", "run" } do
  local result = keel { "costs", "--home", h.path, "--by", by, "--json", "--since", "30d" }
  check("keel costs --by " .. by, ledger, sum_of(json.decode(result.out) or {}))
end

os.execute("rm -rf '" .. h.path .. "'")
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0)
