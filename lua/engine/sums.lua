--- What was spent and how long it took, from sums kept with the rows. Methods of the engine,
--- also of one that only looks on (lua/engine/look.lua).
--
-- Times are rounded to quarters of an hour, outwards; days are those of the owner's zone.
local clock = require "core.clock"
local money = require "money"
local rfc3339 = require "rfc3339"
local zone = require "zone"

local sums = {}

local quarter, hour, six = 900000, 3600000, 21600000

--- Add the spans that make up [from, to) to `out`, the longest that fit: { span, from, before, number }.
local function add_spans(out, from, to, number)
  while from < to do
    local span = quarter
    if from % six == 0 and from + six <= to then span = six
    elseif from % hour == 0 and from + hour <= to then span = hour end
    -- as many of these as come one behind the other
    local stop = from + span
    while stop + span <= to and (span == six or stop % (span == hour and six or hour) ~= 0) do stop = stop + span end
    out[#out + 1] = { span, from, stop, number }
    from = stop
  end
end

local function set_of(by)
  local set = {}
  for _, name in ipairs(by or {}) do set[name] = true end
  return set
end

local function range(self, options)
  local since = options.since_ms
  if not since then since = (self:rows("rollup.began", {})[1] or {}).start or 0 end
  local till = options.until_ms or (self.clock and self.clock() or clock.now_ms()) + 1
  return since // quarter * quarter, -(-till // quarter) * quarter
end

--- The spans of a range, by day when asked for; with the days' names by number.
local function spans_of(self, options, by)
  local from, to = range(self, options)
  local spans, days = {}, {}
  if not by.day then
    add_spans(spans, from, to, 0)
    return spans, days
  end
  local z = assert(zone.open(self.settings.zone))
  while from < to do
    local start = z:start("day", from)
    local stop = math.min(to, z:start("day", start + 26 * hour))
    local year, month, day = rfc3339.date((start + z:offset(start)) // 86400000)
    days[#days + 1] = ("%04d-%02d-%02d"):format(year, month, day)
    add_spans(spans, from, stop, #days)
    from = stop
  end
  return spans, days
end

local function cost_row(row, days)
  row.day, row.number = days and days[row.number], nil
  row.cost_picousd, row.cost = money.to_json(row.cost), nil
  row.wasted_picousd, row.wasted = money.to_json(row.wasted), nil
  row.estimated_picousd, row.guessed = money.to_json(row.guessed), nil
  return row
end

--- What calls that ended cost, by the time they were made. options: since_ms, until_ms, by (a list of
-- day, agent, model, tier, run), limit (by run). Rows have calls (attempts), failed (without an answer),
-- estimated, released, unpriced, tokens, cost_picousd; of that wasted_picousd (failed attempts) and
-- estimated_picousd. By run, the ledger's rows are read, and `day` is not told.
function sums:costs(options)
  local by = set_of(options.by)
  local fields = { by_agent = by.agent or false, by_tier = by.tier or false, by_model = by.model or false }
  local days, rows
  if by.run then
    fields.since, fields["until"] = range(self, options)
    fields.limit = options.limit or 1000
    rows = self:rows("rollup.by_run", fields)
  else
    fields.spans, days = spans_of(self, options, by)
    fields.spans_json, fields.spans = fields.spans, nil
    rows = self:rows("rollup.calls", fields)
  end
  for _, row in ipairs(rows) do cost_row(row, days) end
  return rows
end

--- The rows added up by one of their names.
local function added(rows, name)
  local of, list = {}, {}
  for _, row in ipairs(rows) do
    local sum = of[row[name]]
    if not sum then
      sum = { [name] = row[name], calls = 0, failed = 0, input = 0, output = 0, cost = 0 }
      of[row[name]], list[#list + 1] = sum, sum
    end
    for _, field in ipairs { "calls", "failed", "input", "output", "cost" } do sum[field] = sum[field] + row[field] end
  end
  for _, sum in ipairs(list) do sum.cost_picousd, sum.cost = money.to_json(sum.cost), nil end
  return list
end

--- The same by day, by agent, by tier and by model at once, in the few sums that a page shows:
-- { day, agent, tier, model }, lists of rows that have the name with calls, failed, input, output,
-- cost_picousd; days have only what was spent.
function sums:cost_tables(options)
  local spans, days = spans_of(self, options, { day = true })
  local of, out = {}, { day = {} }
  for _, row in ipairs(self:rows("rollup.days", { spans_json = spans })) do of[row.number] = (of[row.number] or 0) + (row.cost or 0) end
  for number, day in ipairs(days) do
    if of[number] then out.day[#out.day + 1] = { day = day, cost_picousd = money.to_json(of[number]) } end
  end
  local rows = self:rows("rollup.names", { spans_json = (spans_of(self, options, {})) })
  for _, name in ipairs { "agent", "tier", "model" } do out[name] = added(rows, name) end
  return out
end

--- The upper bound of the bucket in which the fraction lies; the last has none, and says its lower one.
local function percentile(row, fraction, last, bound)
  local want, seen = fraction * row.n, 0
  for i = 0, last do
    seen = seen + row["b" .. i]
    if seen >= want and seen > 0 then return bound << math.min(i, last - 1) end
  end
end

--- How long answered calls took: rows with n, failed, p50_ms, p95_ms, p99_ms (upper bounds of
-- OpenTelemetry's buckets), ms (of all), buckets. by: model, agent.
function sums:latency(options)
  local by = set_of(options.by)
  local rows = self:rows("rollup.latency", { spans_json = (spans_of(self, options, {})), by_agent = by.agent or false,
    by_model = by.model or false })
  for i, row in ipairs(rows) do
    local out = { agent = row.agent, model = row.model, provider = row.provider, n = row.answered, failed = row.failed,
      ms = row.ms, buckets = {} }
    row.n = row.answered
    out.p50_ms, out.p95_ms, out.p99_ms = percentile(row, 0.5, 14, 10), percentile(row, 0.95, 14, 10), percentile(row, 0.99, 14, 10)
    for b = 0, 14 do out.buckets[b + 1] = row["b" .. b] end
    rows[i] = out
  end
  return rows
end

--- Runs that ended: rows with n, cost_picousd, ms (at work). by: day, agent, state.
function sums:run_sums(options)
  local by = set_of(options.by)
  local spans, days = spans_of(self, options, by)
  local rows = self:rows("rollup.runs", { spans_json = spans, by_agent = by.agent or false, by_state = by.state or false })
  for i, row in ipairs(rows) do
    local out = { day = days[row.number], agent = row.agent, state = row.state, n = row.n, cost_picousd = money.to_json(row.cost),
      ms = row.ms, buckets = {} }
    for b = 0, 13 do out.buckets[b + 1] = row["b" .. b] end
    rows[i] = out
  end
  return rows
end

return sums
