--- What a monitor asks for, as text that Prometheus reads (format 0.0.4): `metrics.text(e)`.
--
-- Labels are names from the owner's files, never ids of runs. Counters count from the first row on,
-- so they survive restarts; money is a counter in pico-USD, exact to 2^53.
local loop = require "loop"
local money = require "money"
local policy = require "policy"
local program = require "core.program"

local metrics = {}

local function escape(text)
  return (tostring(text):gsub("[\\\"\n]", { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }))
end

local function number(n)
  return math.type(n) == "integer" and ("%d"):format(n) or ("%.17g"):format(n)
end

--- "name{a="x"} 1"; labels: a list of { name, value }.
local function sample(out, name, labels, value)
  local parts = {}
  for i, label in ipairs(labels) do parts[i] = ('%s="%s"'):format(label[1], escape(label[2] or "")) end
  out[#out + 1] = ("%s%s %s"):format(name, #parts > 0 and "{" .. table.concat(parts, ",") .. "}" or "", number(value))
end

local function head(out, name, kind, help)
  out[#out + 1] = ("# HELP %s %s"):format(name, help)
  out[#out + 1] = ("# TYPE %s %s"):format(name, kind)
end

local function histogram(out, name, labels, row, first_s, count)
  local seen, bound = 0, first_s
  for i, n in ipairs(row.buckets) do
    seen = seen + n
    local with = table.move(labels, 1, #labels, 1, {})
    with[#with + 1] = { "le", i == #row.buckets and "+Inf" or ("%g"):format(bound) }
    sample(out, name .. "_bucket", with, seen)
    bound = bound * 2
  end
  sample(out, name .. "_sum", labels, row.ms / 1000)
  sample(out, name .. "_count", labels, count)
end

local function of_runs(e, out)
  head(out, "keel_runs_total", "counter", "Runs that ended.")
  for _, row in ipairs(e:run_sums { since_ms = 0, by = { "agent", "state" } }) do
    sample(out, "keel_runs_total", { { "agent", row.agent }, { "outcome", row.state } }, row.n)
  end
  head(out, "keel_run_duration_seconds", "histogram", "How long runs that ended were at work, without their waits.")
  for _, row in ipairs(e:run_sums { since_ms = 0, by = { "agent" } }) do
    histogram(out, "keel_run_duration_seconds", { { "agent", row.agent } }, row, 0.1, row.n)
  end
end

local function of_models(e, out)
  local rows = e:costs { since_ms = 0, by = { "agent", "model" } }
  local function each(name, help, values)
    head(out, name, "counter", help)
    for _, row in ipairs(rows) do
      for _, one in ipairs(values(row)) do
        local labels = { { "agent", row.agent }, { "model", row.model }, { "provider", row.provider } }
        if one[2] then labels[4] = one[2] end
        sample(out, name, labels, one[1])
      end
    end
  end
  each("keel_model_requests_total", "Attempts of paid calls that ended.", function(row)
    return { { row.calls - row.failed, { "outcome", "answered" } }, { row.estimated, { "outcome", "unknown" } },
      { row.failed - row.estimated, { "outcome", "failed" } } }
  end)
  each("keel_model_tokens_total", "Tokens by type; cached and reasoning ones are parts of input and output.", function(row)
    return { { row.input, { "type", "input" } }, { row.output, { "type", "output" } }, { row.cached, { "type", "cached" } },
      { row.reasoning, { "type", "reasoning" } } }
  end)
  each("keel_model_cost_picousd_total", "What calls cost, in pico-USD; estimates count as their bound.", function(row)
    return { { money.from_json(row.cost_picousd) } }
  end)
  each("keel_model_unpriced_total", "Settled calls of which no price is known.", function(row) return { { row.unpriced } } end)
  head(out, "keel_model_request_duration_seconds", "histogram", "How long answered calls took.")
  for _, row in ipairs(e:latency { since_ms = 0, by = { "agent", "model" } }) do
    histogram(out, "keel_model_request_duration_seconds", { { "agent", row.agent }, { "model", row.model },
      { "provider", row.provider } }, row, 0.01, row.n)
  end
end

local function of_budgets(e, out)
  local list = require("budget").list(e.store, { limits = e.settings.budget, zone = e.settings.zone, now = e.clock() }) or {}
  for _, one in ipairs { { "limit", "limit_picousd" }, { "spent", "spent_picousd" }, { "held", "reserved_picousd" } } do
    local name = ("keel_budget_%s_picousd"):format(one[1])
    head(out, name, "gauge", ("What is %s in a budget's current window, in pico-USD."):format(one[1] == "limit" and "the limit" or one[1]))
    for _, row in ipairs(list) do
      -- a run's budget has its id for a name
      if row[one[2]] and row.window ~= "run" then
        sample(out, name, { { "scope", row.scope }, { "window", row.window } }, row[one[2]])
      end
    end
  end
end

local function of_approvals(e, out)
  local pending, decided = {}, {}
  for _, row in ipairs(e:rows("approval.counts", {})) do
    if row.state == "open" then
      local tier = policy.tier(row.risk)
      pending[tier] = (pending[tier] or 0) + row.n
    else
      decided[#decided + 1] = row
    end
  end
  head(out, "keel_approvals_pending", "gauge", "Decisions that wait for their owner, by the tier of their risk.")
  for tier = 0, 3 do sample(out, "keel_approvals_pending", { { "tier", tier } }, pending[tier] or 0) end
  head(out, "keel_approvals_total", "counter", "Questions that were answered, by a person or by their deadline.")
  for _, row in ipairs(decided) do sample(out, "keel_approvals_total", { { "verdict", row.state } }, row.n) end
end

--- What this engine's process counts itself: it begins anew with each.
local function of_export(e, out)
  if e.exports then
    head(out, "keel_otlp_dropped_total", "counter", "What the collector was not told: runs that found no place, spans and points that it refused.")
    for _, what in ipairs { "points", "runs", "spans" } do sample(out, "keel_otlp_dropped_total", { { "what", what } }, e.exports.dropped[what]) end
  end
  head(out, "keel_schedule_missed_total", "counter", "Slots of schedules that were missed, since the engine started.")
  for _, id in ipairs(require("json").sorted_keys(e.missed or {})) do
    sample(out, "keel_schedule_missed_total", { { "schedule", id } }, e.missed[id])
  end
end

--- The whole page.
function metrics.text(e)
  local out = {}
  of_runs(e, out)
  of_models(e, out)
  of_budgets(e, out)
  of_approvals(e, out)
  of_export(e, out)
  head(out, "keel_build_info", "gauge", "The version that runs.")
  sample(out, "keel_build_info", { { "version", program.version } }, 1)
  local longest_us, p99_us = loop.held()
  head(out, "keel_loop_held_seconds", "gauge", "How long timers waited for other work on the loop, over the last minute.")
  out[#out + 1] = ('keel_loop_held_seconds{of="max"} %.6f'):format(longest_us / 1e6)
  out[#out + 1] = ('keel_loop_held_seconds{of="p99"} %.6f'):format(p99_us / 1e6)
  return table.concat(out, "\n") .. "\n"
end

return metrics
