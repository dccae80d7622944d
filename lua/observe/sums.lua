--- The sums as metrics of OpenTelemetry (OTLP in JSON): cumulative, all numbers integers but the
--- seconds of histograms.
--
-- gen_ai.client.operation.duration has the buckets that the conventions advise: they are those of
-- the store's sums. Of tokens the sums hold totals, so gen_ai.client.token.usage has one bucket,
-- with count and sum. Money is keel.cost.picousd.
local json = require "json"
local money = require "money"
local otlp = require "observe.otlp"

local sums = {}

local cumulative = 2

local function whole(n) return ("%d"):format(n) end

--- A gathering of points by the names of their metrics, in the order of their coming.
local gathering = {}
gathering.__index = gathering

local function metric(self, name, unit, about, kind)
  local one = self.by_name[name]
  if not one then
    one = { name = name, unit = unit, description = about, [kind] = { dataPoints = json.array {} } }
    if kind ~= "gauge" then one[kind].aggregationTemporality = cumulative end
    if kind == "sum" then one.sum.isMonotonic = true end
    self.by_name[name] = one
    self.list[#self.list + 1] = one
  end
  return one[kind].dataPoints
end

local function point(self, points, labels)
  local one = { attributes = otlp.attributes(labels), startTimeUnixNano = otlp.nanos(self.from), timeUnixNano = otlp.nanos(self.now) }
  points[#points + 1] = one
  self.points = self.points + 1
  return one
end

function gathering:sum(name, unit, about, labels, n)
  point(self, metric(self, name, unit, about, "sum"), labels).asInt = whole(n)
end

function gathering:gauge(name, unit, about, labels, n)
  point(self, metric(self, name, unit, about, "gauge"), labels).asInt = whole(n)
end

function gathering:histogram(name, unit, about, labels, row)
  local one = point(self, metric(self, name, unit, about, "histogram"), labels)
  one.count, one.sum, one.explicitBounds, one.bucketCounts = whole(row.count), row.sum, json.array {}, json.array {}
  local bound = row.first
  for i, n in ipairs(row.buckets) do
    one.bucketCounts[i] = whole(n)
    if i < #row.buckets then
      one.explicitBounds[i] = bound
      bound = bound * 2
    end
  end
end

local function of_models(e, to)
  for _, row in ipairs(e:latency { since_ms = 0, by = { "agent", "model" } }) do
    to:histogram("gen_ai.client.operation.duration", "s", "How long answered calls took.", { ["gen_ai.operation.name"] = "chat",
      ["gen_ai.provider.name"] = row.provider, ["gen_ai.request.model"] = row.model, ["gen_ai.agent.name"] = row.agent },
      { count = row.n, sum = row.ms / 1000, first = 0.01, buckets = row.buckets })
  end
  for _, row in ipairs(e:costs { since_ms = 0, by = { "agent", "model" } }) do
    local function labels(more)
      more["gen_ai.provider.name"], more["gen_ai.request.model"], more["gen_ai.agent.name"] = row.provider, row.model, row.agent
      return more
    end
    local answered = row.calls - row.failed
    for _, kind in ipairs { "input", "output" } do
      to:histogram("gen_ai.client.token.usage", "{token}", "Tokens that were used.",
        labels { ["gen_ai.operation.name"] = "chat", ["gen_ai.token.type"] = kind },
        { count = answered, sum = row[kind], first = 1, buckets = { answered } })
    end
    for _, kind in ipairs { "cached", "reasoning" } do
      to:sum("keel.tokens", "{token}", "Parts of the input's and the output's tokens.", labels { ["keel.token.type"] = kind }, row[kind])
    end
    to:sum("keel.cost.picousd", "{picousd}", "What calls cost; estimates count as their bound.", labels {}, money.from_json(row.cost_picousd))
    for _, one in ipairs { { "answered", answered }, { "unknown", row.estimated }, { "failed", row.failed - row.estimated } } do
      to:sum("keel.model.requests", "{request}", "Attempts of paid calls that ended.", labels { ["keel.outcome"] = one[1] }, one[2])
    end
  end
end

--- The metrics of this moment, as a request to a collector, and how many points they are.
-- `dropped`: what the export dropped, by kind.
function sums.metrics(e, dropped)
  local to = setmetatable({ by_name = {}, list = json.array {}, points = 0, now = e.clock(),
    from = (e:rows("rollup.began", {})[1] or {}).start or 0 }, gathering)
  for _, row in ipairs(e:run_sums { since_ms = 0, by = { "agent", "state" } }) do
    to:sum("keel.runs", "{run}", "Runs that ended.", { ["gen_ai.agent.name"] = row.agent, ["keel.run.state"] = row.state }, row.n)
  end
  of_models(e, to)
  local open = 0
  for _, row in ipairs(e:rows("approval.counts", {})) do open = open + (row.state == "open" and row.n or 0) end
  to:gauge("keel.approvals.pending", "{approval}", "Decisions that wait for their owner.", {}, open)
  for _, what in ipairs(json.sorted_keys(dropped or {})) do
    to:sum("keel.otlp.dropped", "{item}", "What the collector was not told.", { ["keel.what"] = what }, dropped[what])
  end
  local one = otlp.of_scope("metrics", to.list)
  return { resourceMetrics = json.array { { resource = one.resource, scopeMetrics = json.array { one.scoped } } } }, to.points
end

return sums
