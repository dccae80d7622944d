--- keel bench steps: R runs at once of S trivial steps of about 100 bytes, each durable
--- before the next starts, beside bare SQLite commits of the same bytes.
local clock = require "core.clock"
local core = require "core.bench"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local lab = require "bench.lab"
local loop = require "loop"

local steps = {}

local agent = [[
return agent {
  version = 1,
  about = "a run of trivial steps",
  caps = { instructions = 20000000, memory = "32MiB", wall = "60s" },
  run = function(ctx, input)
    local text = ("x"):rep(70)
    for i = 1, input.steps do
      ctx.step{ name = "s", run = function() return { n = i, text = text } end }
    end
    return input.steps
  end,
}
]]

local function start_all(e, count, per_run)
  local failed
  for _ = 1, count do
    e:task(function()
      local run, err = e:start("bench", { steps = per_run })
      if not run then failed = failed or err end
    end)
  end
  return function() return failed end
end

--- Options: runs, steps (a run), folder (a scratch folder on the disk to measure).
-- Returns the figures of contracts section 3, or nil, err.
function steps.measure(options)
  local runs, per_run, folder = options.runs or 1, options.steps or 1000, options.folder
  lab.home(folder, { bench = agent })
  local fsync, err = lab.fsync(folder)
  if not fsync then return nil, err end

  local e
  e, err = engine.open { home = folder }
  if not e then return nil, err end
  e.runner:measure(runs * per_run)
  local cpu, began = clock.cpu_us(), clock.mono_us()
  local failed = start_all(e, runs, per_run)
  local ok
  ok, err = e:drain()
  local took, used = clock.mono_us() - began, clock.cpu_us() - cpu
  local p50, p99, count = e.runner:measured()
  local commits, commits_rows = e.runner:commits()
  local rss, peak = lab.resident()
  e:close()
  if not ok or failed() then return nil, err or failed() end

  -- once with groups as large as ours were, once as large as they could have been
  local group = math.max(1, math.floor(commits_rows / math.max(commits, 1) + 0.5))
  local function raw_with(name, size)
    return core.commits(file.join(folder, "var", name), math.min(runs * per_run, size * 2000), size, 96)
  end
  local raw, raw_p50, raw_p99 = raw_with("raw.db", group)
  if not raw then return nil, errors.from(raw_p50, raw_p99) end
  local full = runs == 1 and raw or raw_with("full.db", math.min(runs, 1024))
  return { runs = runs, steps = per_run, total_steps = count, steps_per_s = math.floor(count * 1e6 / took),
    p50_us = p50, p99_us = p99, cpu_us_per_step = used / count, rss_bytes = rss, rss_peak_bytes = peak, fsync_p50_us = fsync,
    raw_steps_per_s = math.floor(raw), raw_p50_us = raw_p50, raw_p99_us = raw_p99, raw_group = group,
    raw_full_steps_per_s = math.floor(full) }
end

return steps
