--- What a seed of the budget storm means: prices, calls, and the budgets in their way.
local chance = require "spec.budget.chance"

local plan = {}

local noon = 20000 * 86400000 + 43200000
local bytes_around = 130        -- of a request beside its prompt, about

--- Which budgets there are besides the engine's day, by seed.
local ways = { "day", "agents", "counts", "all", "month" }

local function prices(draw)
  local p = { input = draw(100000, 500000), output = draw(400000, 2000000) }
  p.cached, p.written, p.reasoning = p.input // draw(2, 9), p.input * 5 // 4, p.output + draw(0, p.output // 10)
  return p
end

--- The i-th call: who asks, what, of whom. Prompts begin with "call N", which the
--- provider reads, and lengths are such that a call's bound follows from any other's.
local function call_of(draw, i, agents, runs)
  return { i = i, tier = ({ "openai", "anthropic", "openai", "anthropic", "both" })[draw(5)], stream = draw(3) == 1,
    max_tokens = draw(10, 99), more = draw(0, 160), agent = "agent" .. draw(agents), run = "run" .. draw(runs),
    shared = draw(5) == 1 }
end

function plan.prompt(call)
  return ("call %06d %s"):format(call.i, ("x"):rep(call.more))
end

--- options: calls (1000), share (the budget pays for so many of ten calls: 1), parallel.
function plan.of(seed, options)
  local draw = chance.of(seed, 7)
  local self = { seed = seed, way = options.way or ways[seed % #ways + 1], price = prices(draw), calls = {}, agents = 3, runs = 7,
    honest = options.honest ~= false, faults = options.faults or draw(4) * 15,
    -- few where the order of calls is judged: a row is as old as its wish, not as its call
    parallel = options.parallel or (options.honest == false and { 8, 16, 32, 64 } or { 8, 64, 250, 1000 })[draw(4)] }
  local p, worth = self.price, 0
  local dearest = math.max(p.input, p.written, p.cached)
  for i = 1, options.calls or 1000 do
    local call = call_of(draw, i, self.agents, self.runs)
    self.calls[i] = call
    worth = worth + (bytes_around + call.more) * dearest + call.max_tokens * p.reasoning
  end
  self.budget = worth * (options.share or 1) // 10
  self.engine, self.agent = { day_picousd = self.budget }, {}
  local way, count = self.way, #self.calls * (options.share or 1)
  if way == "agents" or way == "all" then
    self.agent.day_picousd = self.budget * draw(25, 40) // 100
    self.agent.run_picousd = self.budget * draw(10, 25) // 100
    self.engine.run_picousd = self.budget * draw(10, 25) // 100
  end
  if way == "counts" or way == "all" then
    self.agent.calls = draw(2) == 1 and { count = draw(count // 50, count // 15), per_ms = 86400000 }
      or { count = draw(count // 60, count // 30) }
    self.agent.tokens = draw(2) == 1 and { count = draw(count, count * 9), per_ms = 86400000 }
      or { count = draw(count, count * 3) }
  end
  if way == "all" then self.engine.calls = { count = math.max(10, count // 25), per_ms = 1000 } end
  if way == "month" then
    self.engine.month_picousd, self.engine.hour_picousd = self.budget, self.budget * 2
    self.engine.day_picousd = self.budget * 3
  end
  return self
end

--- A clock that begins at a noon, so that no window ends in a storm.
function plan.clock(mono_us)
  local began = mono_us()
  return function() return noon + (mono_us() - began) // 1000 end
end

--- The settings that a model is opened with.
function plan.settings(self, url)
  local price = {}
  for name, picousd in pairs(self.price) do price[name .. "_picousd"] = picousd end
  local function candidate(provider, base_url)
    return { provider = provider, model = "m", base_url = base_url, key = "k", price = price, max_parallel = self.parallel }
  end
  local openai, anthropic = candidate("openai", url .. "/v1"), candidate("anthropic", url)
  return { zone = "UTC", budget = self.engine,
    tiers = { openai = { openai }, anthropic = { anthropic }, both = { openai, anthropic } } }
end

--- The words of a call for model:ask.
function plan.request(call)
  return { tier = call.tier, prompt = plan.prompt(call), max_tokens = call.max_tokens, timeout = "60s",
    on_text = call.stream and function() end or nil }
end

--- Make a call with a model. Some let the end of it become true with a transaction of
--- their own, as an engine does. Returns what model:ask returns.
function plan.ask(self, m, store, call)
  local who = { run = call.run, agent = call.agent, seq = call.i, limits = self.agent, tx = call.shared and store:tx() or nil }
  local answer, message, code, detail = m:ask(plan.request(call), who)
  if answer and who.tx then
    local ok, why, what = store:commit(who.tx)
    if not ok then return nil, why, what end
  end
  return answer, message, code, detail
end

return plan
