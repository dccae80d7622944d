--- Parallel calls against a provider that is not kind, on a budget for a tenth of them,
--- and the judgement: were the books right, to the pico-dollar?
local budget = require "budget"
local clock = require "core.clock"
local json = require "json"
local loop = require "loop"
local model = require "model"
local plan = require "spec.budget.plan"

local storm = {
  patience_ms = 60000,    -- nothing that goes well takes longer
}

-- ---- playing ------------------------------------------------------------------------

--- While `going` says so, look that nothing is spent and held over its limit.
local function watch(self, going)
  while going() do
    for _, row in ipairs(assert(budget.list(self.store, { now = self.now(), zone = "UTC" }))) do
      if row.limit_picousd and row.spent_picousd + row.reserved_picousd > row.limit_picousd and self.plan.honest then
        self.over = self.over or ("over its limit in the storm: " .. json.encode(row))
      end
    end
    loop.sleep(5)
  end
end

--- Make the calls of a plan: store, url, plan. Returns { results = [i] -> {answer | code,
--- message, detail}, ms, over }.
function storm.play(self)
  self.now = plan.clock(clock.mono_us)
  self.results = {}
  local m = assert(model.open { store = self.store, settings = plan.settings(self.plan, self.url), now = self.now,
    retry = { base_ms = 1, most_ms = 4 } })
  local began, left = clock.mono_us(), #self.plan.calls
  loop.await(function(wake)
    local patience = loop.timer(storm.patience_ms, function() wake() end)
    local function ended(i, result)
      self.results[i] = result
      left = left - 1
      if left > 0 then return end
      patience:stop()
      wake()
    end
    for i, call in ipairs(self.plan.calls) do
      loop.spawn(function()
        local answer, message, code, detail = plan.ask(self.plan, m, self.store, call)
        ended(i, { answer = answer, message = message, code = code, detail = detail })
      end, function(message) ended(i, { code = "a crash", message = message }) end)
    end
    loop.spawn(watch, nil, self, function() return left > 0 end)
  end)
  self.ms = (clock.mono_us() - began) // 1000
  return self
end

-- ---- judging: rows and charges ----------------------------------------------------------

--- The whole ledger, oldest first.
function storm.rows(store)
  local rows, oldest = store:read("ledger.list", { since = 0, limit = 1000000 }), {}
  for i = #rows, 1, -1 do oldest[#oldest + 1] = rows[i] end
  return oldest
end

local function by_call(list, name)
  local map = {}
  for _, one in ipairs(list) do
    map[one[name]] = map[one[name]] or {}
    table.insert(map[one[name]], one)
  end
  return map
end

local function sum(list, name)
  local n = 0
  for _, one in ipairs(list or {}) do n = n + (one[name] or 0) end
  return n
end

--- Every row and every charge, one by one. `all_told`: nobody was killed, so what was
--- told must have been heard.
function storm.judge_rows(rows, books, complain, all_told)
  local by_id, charged = {}, {}
  for _, row in ipairs(rows) do
    if row.state == "reserved" then complain("still reserved: %s", json.encode(row)) end
    if row.request_id then by_id[row.request_id] = row end
  end
  for _, entry in ipairs(books.list) do
    charged[entry.id] = entry
    local row = by_id[entry.id]
    if all_told and entry.told and not (row and row.state == "settled" and row.cost == entry.charge) then
      complain("charged and told, not so booked: %s against %s", json.encode(entry), json.encode(row or json.null))
    end
  end
  for _, row in ipairs(rows) do
    local entry = charged[row.request_id or ""]
    if row.state == "settled" and not entry then complain("settled without a charge: %s", json.encode(row)) end
    if entry and row.cost and row.cost < entry.charge then
      complain("booked below the charge: %s against %s", json.encode(row), json.encode(entry))
    end
    if entry and row.state == "settled" and row.cost ~= entry.charge then
      complain("settled otherwise than charged: %s against %s", json.encode(row), json.encode(entry))
    end
  end
  local rows_of, entries_of = by_call(rows, "seq"), by_call(books.list, "call")
  for call, entries in pairs(entries_of) do
    local booked, billed = sum(rows_of[call], "cost"), sum(entries, "charge")
    if booked < billed then
      complain("call %d is booked at %d and billed at %d: %s against %s", call, booked, billed,
        json.encode(rows_of[call] or {}), json.encode(entries))
    end
    if #(rows_of[call] or {}) < #entries then
      complain("call %d arrived %d times, the ledger has %d rows of it", call, #entries, #(rows_of[call] or {}))
    end
  end
  local booked = sum(rows, "cost")
  if booked < books.total then complain("%d booked, %d billed", booked, books.total) end
  return booked
end

function storm.judge_sums(store, complain)
  for _, row in ipairs(store:read("budget.check", {})) do complain("a budget is not the sum of its calls: %s", json.encode(row)) end
end

-- ---- judging: limits ------------------------------------------------------------------------

local function least(a, b) return a and b and math.min(a, b) or a or b end

--- Every line that a call of this agent and run counts in: name, what, limit, used.
local function lines_of(p, used, agent, run)
  local engine, limits, list = p.engine, p.agent, {}
  local function line(name, what, limit)
    if limit then list[#list + 1] = { name = name, what = what, limit = limit, used = used(name)[what] } end
  end
  for _, window in ipairs { "hour", "day", "month" } do line("engine", "cost", engine[window .. "_picousd"]) end
  line("agent " .. agent, "cost", limits.day_picousd)
  line("run " .. run, "cost", least(limits.run_picousd, engine.run_picousd))
  for _, what in ipairs { "calls", "tokens" } do
    local rate = limits[what]
    if rate then line(rate.per_ms and "agent " .. agent or "run " .. run, what, rate.count) end
  end
  return list
end

--- What was used, by the ledger's rows: a function of names.
local function used_by(rows)
  local map = setmetatable({}, { __index = function(t, name)
    t[name] = { cost = 0, calls = 0, tokens = 0 }
    return t[name]
  end })
  for _, row in ipairs(rows) do
    for _, name in ipairs { "engine", "agent " .. row.agent, "run " .. row.run } do
      local at = map[name]
      at.cost = at.cost + (row.cost or 0)
      at.calls = at.calls + (row.state == "released" and 0 or 1)
      if row.state == "settled" then at.tokens = at.tokens + row.input + row.output end
      if row.state == "estimated" then at.tokens = at.tokens + row.tokens end
    end
  end
  return function(name) return map[name] end
end

--- A second never has more calls than it may, and every call is counted in one.
local function judge_seconds(self, rows, complain)
  local rate, counted, calls, last = self.plan.engine.calls, 0, 0, 0
  if not rate or #rows == 0 then return end
  for _, row in ipairs(rows) do
    calls, last = calls + (row.state == "released" and 0 or 1), math.max(last, row.ended or row.made)
  end
  for second = rows[1].made // 1000 - 1, last // 1000 + 1 do
    local at = self.store:read("budget.get", { scope = "engine", window = "s", start = second * 1000 })[1]
    counted = counted + (at and at.calls or 0)
    if at and at.calls > rate.count then complain("%d calls in a second that may have %d", at.calls, rate.count) end
  end
  if counted ~= calls then complain("%d calls were made, %d are counted in a second", calls, counted) end
end

--- No limit is passed. Returns what was used, by name.
function storm.judge_limits(p, rows, complain)
  local used = used_by(rows)
  for agent = 1, p.agents do
    for run = 1, p.runs do
      for _, line in ipairs(lines_of(p, used, "agent" .. agent, "run" .. run)) do
        if line.used > line.limit then complain("%s: %s %d of %d", line.name, line.what, line.used, line.limit) end
      end
    end
  end
  return used
end

--- The bytes of requests beside their prompts, by dialect and manner, from rows that say it.
local function sizes(p, rows)
  local map = {}
  for _, row in ipairs(rows) do
    local call = p.calls[row.seq]
    map[row.provider .. tostring(call.stream)] = row.tokens - call.max_tokens - call.more
  end
  return map
end

--- A call was refused: rightly when some line has no room for it now, with nothing held.
--- Agents that are `excused` may be refused anything.
function storm.judge_refusals(p, rows, results, used, complain, excused)
  local size, dearest = sizes(p, rows), math.max(p.price.input, p.price.cached, p.price.written)
  for i, result in pairs(results) do
    local call = p.calls[i]
    -- of two candidates the last one's refusal is told
    local bytes = size[(call.tier == "openai" and "openai" or "anthropic") .. tostring(call.stream)]
    if result.code == "budget" and not (excused or {})[call.agent] and bytes then
      bytes = bytes + call.more
      local more = { cost = bytes * dearest + call.max_tokens * p.price.reasoning, tokens = bytes + call.max_tokens, calls = 1 }
      local rightly = false
      for _, line in ipairs(lines_of(p, used, call.agent, call.run)) do
        rightly = rightly or line.used + more[line.what] > line.limit
      end
      if not rightly then
        complain("call %d (%s, %s) needs %s and was refused, though it fits: %s", i, call.agent, call.run, json.encode(more),
          result.message)
      end
    end
  end
end

local expected = { budget = true, rate_limited = true, overloaded = true, server_error = true, connection_lost = true,
  stream_cut = true, bad_response = true, timeout = true, content_filter = true }

--- What callers were told: known codes, and costs that are those of the ledger.
local function judge_results(p, rows, results, complain)
  local rows_of, codes = by_call(rows, "seq"), {}
  for i = 1, #p.calls do
    local result = results[i] or { code = "no answer", message = "it waits for ever" }
    local code = result.answer and "answered" or result.code
    codes[code] = (codes[code] or 0) + 1
    if not result.answer and not expected[code] then complain("call %d: %s (%s)", i, tostring(result.message), code) end
    local said = (result.answer or result.detail or {}).cost_picousd
    if said ~= sum(rows_of[i], "cost") then
      complain("call %d was told it cost %s, booked is %d: %s", i, tostring(said), sum(rows_of[i], "cost"),
        json.encode(rows_of[i] or {}))
    end
  end
  return codes
end

-- ---- judging: a provider that does not keep to max_tokens ---------------------------------------

--- The excess is at most a call's for each that was out, and nothing of an agent follows
--- after its first. Returns the excess, and who overshot.
function storm.judge_excess(p, rows, complain)
  local first, excess, count, most = {}, {}, {}, 0
  for _, row in ipairs(rows) do
    local over = math.max(0, (row.cost or 0) - row.money)
    if over > 0 then
      excess[row.agent], count[row.agent] = (excess[row.agent] or 0) + over, (count[row.agent] or 0) + 1
      most = math.max(most, over)
      if not first[row.agent] or row.ended < first[row.agent].ended then first[row.agent] = row end
    end
  end
  local total, parallel = 0, p.parallel * 4     -- four candidates in three tiers
  for agent, over in pairs(excess) do
    total = total + over
    if count[agent] > parallel then complain("%s overshot %d times, at most %d calls are out", agent, count[agent], parallel) end
    local late, example = 0, nil
    for _, row in ipairs(rows) do
      -- what was on its way to the disk when the agent was stopped is given back, and not sent
      local sent = row.state ~= "released" or row.error ~= "the agent was stopped"
      if row.agent == agent and sent and row.made > first[agent].ended then late, example = late + 1, example or row end
    end
    if late > 0 then
      complain("%s overshot, and %d more of its calls were sent: %s, then %s", agent, late, json.encode(first[agent]),
        json.encode(example))
    end
  end
  if total > most * parallel * p.agents then complain("%d in excess, at most %d for each of %d", total, most, parallel) end
  return total, first
end

-- ---- a seed -------------------------------------------------------------------------------------

local function part(a, b) return b > 0 and a / b or 1 end

--- Judge a storm that came to its end: a list of complaints and the figures.
function storm.judge(self, books)
  local p, list = self.plan, {}
  local function complain(text, ...) list[#list + 1] = text:format(...) end
  local rows = storm.rows(self.store)
  local figures = { calls = #p.calls, attempts = #rows, requests = #books.list, billed = books.total, budget = p.budget,
    ms = self.ms }
  figures.booked = storm.judge_rows(rows, books, complain, true)
  storm.judge_sums(self.store, complain)
  figures.codes = judge_results(p, rows, self.results, complain)
  figures.faults = 0
  for _, entry in ipairs(books.list) do figures.faults = figures.faults + (entry.what == "good" and 0 or 1) end
  if self.over then complain("%s", self.over) end
  if p.honest then
    if books.total > p.budget then complain("%d billed on a budget of %d", books.total, p.budget) end
    judge_seconds(self, rows, complain)
    local used = storm.judge_limits(p, rows, complain)
    storm.judge_refusals(p, rows, self.results, used, complain)
    local refused = figures.codes.budget or 0
    if (p.way == "day" or p.way == "month") and refused > 0 and part(figures.booked, p.budget) < 0.95 then
      complain("%d calls were refused, and %d of %d is used", refused, figures.booked, p.budget)
    end
    figures.excess = 0
  else
    local excused
    figures.excess, excused = storm.judge_excess(p, rows, complain)
    storm.judge_refusals(p, rows, self.results, used_by(rows), complain, excused)
    if books.total > p.budget + figures.excess then
      complain("%d billed on a budget of %d, of it %d in excess", books.total, p.budget, figures.excess)
    end
  end
  return list, figures
end

--- Play and judge one seed against a provider (fake.lua). Options as plan.of has them.
function storm.seed(provider, seed, options)
  local p = plan.of(seed, options)
  provider:begin { seed = seed, price = p.price, faults = p.faults, honest = p.honest }
  local self = storm.play { plan = p, url = provider.url, store = assert(require("store").open(":memory:")) }
  local list, figures = storm.judge(self, provider:books(true))
  self.store:close()
  return list, figures
end

return storm
