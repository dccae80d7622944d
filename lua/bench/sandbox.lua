--- keel bench sandbox: what scripts cost in a sandbox beside a plain state in the same
--- process, what starting a run costs, and how much a resident state holds.
-- `raw` names the plain state: of the edited Lua in build/keel, stock Lua 5.4.4 in
-- the program of `make bench-sandbox`. Ratios of the best times of either side.
local core = require "core.bench"
local errors = require "errors"
local workloads = require "bench.workloads"

local sandbox = {}

local ROUNDS = 24		-- of which the best counts
local STARTS = 2001
local COLD_BYTES = 24 << 20	-- touched between two cold starts

local function ratio(a, b) return math.floor(a / b * 1000 + 0.5) / 1000 end
local function tenth(x) return math.floor(x * 10 + 0.5) / 10 end

--- Every workload in turns; again, and the better, for those that seem slow: noise only
-- ever adds.
local function work(figures)
  local worst = 0
  for _, load in ipairs(workloads) do
    local ours, raw = core.sandbox_work(load.text, ROUNDS)
    for _ = 1, 2 do
      if ours / raw <= 1.05 then break end
      local a, b = core.sandbox_work(load.text, ROUNDS)
      ours, raw = math.min(ours, a), math.min(raw, b)
    end
    figures[load.name .. "_ms"], figures["raw_" .. load.name .. "_ms"] = ratio(ours, 1e6), ratio(raw, 1e6)
    figures[load.name .. "_ratio"] = ratio(ours, raw)
    worst = math.max(worst, figures[load.name .. "_ratio"])
  end
  figures.worst_ratio = worst
end

local function start(figures)
  local function measure(name, text, times, cold)
    local ours, raw = core.sandbox_start(text, times, cold)
    figures["start_" .. name .. "us"], figures["raw_start_" .. name .. "us"] = tenth(ours), tenth(raw)
  end
  measure("first_", workloads.small, 1, 0)
  measure("", workloads.small, STARTS, 0)
  measure("cold_", workloads.small, STARTS // 40, COLD_BYTES)
end

local function resident(figures, n)
  local rss, raw, counted = core.sandbox_resident(workloads.small, n)
  figures.resident_states, figures.state_bytes = n, counted // 1 | 0
  figures.image_bytes = core.sandbox_image()
  figures.state_rss_bytes, figures.raw_state_rss_bytes = rss // 1 | 0, raw // 1 | 0
end

--- Options: runs, the number of states that stand side by side.
function sandbox.measure(options)
  local figures = { raw = core.raw_side() }
  local ok, message = pcall(function()
    start(figures)
    resident(figures, options.runs)
    work(figures)
  end)
  if not ok then return nil, errors.from(message) end
  return figures
end

return sandbox
