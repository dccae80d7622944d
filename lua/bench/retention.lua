--- keel bench retention: the same runs without and with retention beside them, which
--- packs what is over and drops the oldest runs so that the store stays under a size.
local clock = require "core.clock"
local engine = require "engine"
local file = require "file"
local loop = require "loop"

local retention = {}

local at_once, rounds = 4, 3

local agent = [[
return agent {
  version = 1,
  about = "a run of steps of 2 KB",
  caps = { instructions = 20000000, memory = "32MiB", wall = "60s" },
  run = function(ctx, input)
    local shared, seed = ("a prompt that is sent again and again "):rep(40), input.seed
    for i = 1, input.steps do
      local words = {}
      for k = 1, 230 do
        seed = (seed * 1103515245 + 12345) % 2147483648
        words[k] = ("%x"):format(seed)
      end
      ctx.step{ name = "s", args = { prompt = shared }, run = function() return { n = i, text = table.concat(words, " ") } end }
    end
    return input.steps
  end,
}
]]

--- Bytes of the store in use, and those of its files.
local function sizes(e, folder)
  local size, all = e:rows("store.size", {})[1], 0
  for _, name in ipairs { "keel.db", "keel.db-wal" } do
    all = all + (file.stat(file.join(folder, "var", name)) or 0)
  end
  return size.bytes - size.free, all
end

--- Play all runs in one home. Returns { p50_us, p99_us, ... }, or nil, err.
local function play(folder, count, per_run, max_bytes)
  for _, name in ipairs { "agents", "skills", "var" } do assert(file.mkdir(file.join(folder, name))) end
  assert(file.write(file.join(folder, "config.lua"), max_bytes
    and ('return { zone = "UTC", retention = { max_bytes = %d, keep_last = 0, pack = "0s", every = "20ms" } }\n'):format(max_bytes)
    or 'return { zone = "UTC" }\n'))
  assert(file.write(file.join(folder, "agents", "bench.lua"), agent))
  local e, err = engine.open { home = folder }
  if not e then return nil, err end
  e.runner:measure(count * per_run)
  local started, failed, used_most, files_most = 0, nil, 0, 0
  if max_bytes then e:keep_tidy() end
  local watch = loop.timer(20, function()
    local used, files = sizes(e, folder)
    used_most, files_most = math.max(used_most, used), math.max(files_most, files)
  end, 20)
  local began = clock.mono_us()
  for _ = 1, at_once do
    e:task(function()
      while started < count and not failed do
        started = started + 1
        local run, why = e:start("bench", { steps = per_run, seed = started })
        if not run then failed = why else e:rest(run.id) end
      end
    end)
  end
  local ok
  ok, err = e:drain()
  local took = clock.mono_us() - began
  watch:stop()
  local p50, p99, steps = e.runner:measured()
  local stats = ok and e:store_stats()
  local used, files = 0, 0
  if ok then used, files = sizes(e, folder) end
  e:close()
  if not ok or failed then return nil, err or failed end
  return { p50_us = p50, p99_us = p99, steps_per_s = steps * 1e6 / took, used = math.max(used_most, used),
    files = math.max(files_most, files), dropped = stats.tombstones }
end

local function median(list, name)
  local values = {}
  for i, one in ipairs(list) do values[i] = one[name] end
  table.sort(values)
  return values[#values // 2 + 1]
end

local function most_of(list, name)
  local most = 0
  for _, one in ipairs(list) do most = math.max(most, one[name]) end
  return most
end

--- Options: runs (of a round; three rounds without and with retention take turns),
--- steps (a run), folder, max_bytes (default: a third of what the runs need when nothing
--- is dropped). Latencies are medians of the rounds, sizes the greatest. Returns the
--- figures, or nil, err.
function retention.measure(options)
  local runs, per_run, most = options.runs, options.steps, options.max_bytes
  local alone, beside = {}, {}
  for round = 1, rounds do
    local function place(name) return file.join(options.folder, name .. round) end
    local one, err = play(place "alone", runs, per_run)
    if not one then return nil, err end
    alone[round] = one
    most = most or math.max(1 << 20, one.used // 3)
    one, err = play(place "beside", runs, per_run, most)
    if not one then return nil, err end
    beside[round] = one
  end
  local raw_p99, p99 = median(alone, "p99_us"), median(beside, "p99_us")
  return { runs = runs, steps = per_run, rounds = rounds, max_bytes = most, bytes_without = most_of(alone, "used"),
    bytes_most = most_of(beside, "used"), files_most = most_of(beside, "files"), runs_dropped = beside[1].dropped,
    raw_p50_us = median(alone, "p50_us"), raw_p99_us = raw_p99, p50_us = median(beside, "p50_us"), p99_us = p99,
    p99_change_percent = 100 * (p99 - raw_p99) / raw_p99, raw_steps_per_s = median(alone, "steps_per_s"),
    steps_per_s = median(beside, "steps_per_s") }
end

return retention
