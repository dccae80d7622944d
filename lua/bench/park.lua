--- keel bench park: runs that do a step and then sleep; what they take of the disk, of
--- memory and of the processor while they wait, and how soon all have gone on after a
--- restart behind their time.
local clock = require "core.clock"
local engine = require "engine"
local errors = require "errors"
local json = require "json"
local lab = require "bench.lab"
local loop = require "loop"

local park = {}

local agent = [[
return agent {
  version = 1,
  about = "a step, a long sleep, a step",
  caps = { instructions = 20000000, memory = "32MiB", wall = "60s" },
  run = function(ctx, input)
    ctx.step{ name = "before", run = function() return input.n end }
    ctx.sleep("30d")
    return ctx.step{ name = "after", run = function() return input.n end }
  end,
}
]]

local days_31 = 31 * 86400 * 1000

--- So many at once: starting all in one go would hold them all in memory together.
local at_once = 500

local function start(e, from, to)
  local failed
  for n = from, to do
    e:task(function()
      local run, err = e:start("bench", { n = n })
      if not run then failed = failed or err end
    end)
  end
  assert(e:drain())
  assert(not failed, failed and failed.message)
end

--- Returns what is resident once they wait.
local function start_many(e, from, to)
  for first = from, to, at_once do start(e, first, math.min(to, first + at_once - 1)) end
  collectgarbage()
  collectgarbage()
  return (lab.resident())
end

local function count(e)
  local counts = {}
  for _, row in ipairs(e:rows("run.counts", {})) do counts[row.state] = row.n end
  return counts
end

--- In a process of its own: start them, and see what waiting costs.
local function make(folder, runs)
  local e = assert(engine.open { home = folder })
  local began = clock.mono_us()
  local half = start_many(e, 1, runs // 2)
  local whole = start_many(e, runs // 2 + 1, runs)
  local took = clock.mono_us() - began
  loop.sleep(500) -- what the last commits left to do is no waiting
  local cpu, since = clock.cpu_us(), clock.mono_us()
  loop.sleep(1000)
  local idle = (clock.cpu_us() - cpu) * 100 / (clock.mono_us() - since)
  local waiting = count(e).waiting or 0
  e:close()
  return { waiting = waiting, made_ms = took / 1000, rss_bytes = whole,
    rss_grows_bytes = whole - half, idle_cpu_percent = idle }
end

--- In a process of its own, a month later by its clock.
local function resume(folder)
  local began, cpu = clock.mono_us(), clock.cpu_us()
  local e = assert(engine.open { home = folder, clock = function() return clock.now_ms() + days_31 end })
  local opened = clock.mono_us()
  assert(e:drain())
  local over = clock.mono_us()
  local _, peak = lab.resident()
  local done = count(e).done or 0
  local used = clock.cpu_us() - cpu
  e:close()
  return { done = done, open_ms = (opened - began) / 1000, resume_ms = (over - began) / 1000, cpu_ms = used / 1000,
    resume_rss_peak_bytes = peak }
end

function park.child(what, folder, runs)
  lab.hello()
  print(json.encode(what == "make" and make(folder, math.tointeger(runs)) or resume(folder)))
end

--- Options: runs, folder.
function park.measure(options)
  local runs, folder = options.runs, options.folder
  lab.home(folder, { bench = agent })
  assert(lab.answer(lab.child("park", "make", folder, 0)))
  local bytes = lab.store_bytes(folder) -- of a store without runs
  local made, err = lab.answer(lab.child("park", "make", folder, runs))
  if not made then return nil, err end
  bytes = lab.store_bytes(folder) - bytes
  if made.waiting ~= runs then return nil, errors.from(("%d of %d runs wait"):format(made.waiting, runs), "state") end
  local woken
  woken, err = lab.answer(lab.child("park", "resume", folder))
  if not woken then return nil, err end
  if woken.done ~= runs then return nil, errors.from(("%d of %d runs are done"):format(woken.done, runs), "state") end
  local fsync
  fsync, err = lab.fsync(folder)
  if not fsync then return nil, err end
  local raw, p50 = lab.raw(folder, runs, 64)
  if not raw then return nil, p50 end
  return { runs = runs, disk_bytes = bytes, disk_bytes_per_run = bytes / runs, rss_bytes = made.rss_bytes,
    rss_bytes_per_run = math.max(0, made.rss_grows_bytes) / (runs - runs // 2), idle_cpu_percent = made.idle_cpu_percent,
    made_ms = made.made_ms, open_ms = woken.open_ms, resume_ms = woken.resume_ms,
    resume_cpu_us_per_run = woken.cpu_ms * 1000 / runs, resume_rss_peak_bytes = woken.resume_rss_peak_bytes,
    raw_steps_per_s = math.floor(raw), raw_p50_us = p50, fsync_p50_us = fsync }
end

return park
