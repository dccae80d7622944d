--- keel bench bus: E events over K keys in order, delivered to one agent: how fast they
--- are fanned out, how fast they are admitted, and what the look at the heads of the
--- queues costs with a thousand queued and with all of them. It may not grow: admission
--- reads an index in which only those are that may go.
local clock = require "core.clock"
local core = require "core.bench"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local where = require "where"

local bus = {}

local agent = [[
return agent {
  version = 1,
  about = "a run that does nothing",
  on = { event = "bench.go", order = "key" },
  concurrency = 64,
  run = function(ctx, input) return input.n end,
}
]]

local function scratch_home(path)
  for _, folder in ipairs { "agents", "skills", "var" } do assert(file.mkdir(file.join(path, folder))) end
  assert(file.write(file.join(path, "config.lua"), 'return { zone = "UTC" }\n'))
  assert(file.write(file.join(path, "agents", "bench.lua"), agent))
end

local function publish(e, from, to, keys)
  local now = e.clock()
  for first = from, to, 1000 do
    local tx = e.store:tx()
    for n = first, math.min(first + 999, to) do
      tx:add("event.put", { type = "bench.go", payload_codec = { n = n, key = "k" .. n % keys }, now = now, trust = "owner" })
    end
    assert(e:commit(tx))
  end
end

--- The mean time of a look at what may go, in microseconds.
local function look_us(e)
  local began, times = clock.mono_us(), 300
  for _ = 1, times do
    e:rows("delivery.heads", {})
    e:rows("delivery.any_blocked", {})
    e:rows("delivery.next_due", {})
  end
  return (clock.mono_us() - began) / times
end

--- The mean time to find the one of `count` waits for a type that an event fits, in
--- microseconds. The waits are of a run that is there.
local function wait_us(e, count)
  local run = e:rows("run.list", { limit = 1 })[1].id
  for first = 1, count, 1000 do
    local tx = e.store:tx()
    for n = first, math.min(first + 999, count) do
      local want = { order = "O-" .. n }
      tx:add("wait.put", { run = run, seq = n, type = "bench.paid", match_json = want, probe = where.probe(want) })
    end
    assert(e:commit(tx))
  end
  local began, times = clock.mono_us(), 300
  for n = 1, times do
    local payload = { order = "O-" .. n * 7 % count + 1, amount = n }
    local found = e:rows("wait.fitting", { type = "bench.paid", probes_json = where.probes(payload) })
    assert(#found == 1 and where.matches(found[1].match, payload))
  end
  return (clock.mono_us() - began) / times
end

--- Fan out all that is new, admitting nothing; returns events a second.
local function fan_out(e, count)
  local began = clock.mono_us()
  e:admit()
  local ok, err = e:drain()
  if not ok then return nil, err end
  return math.floor(count * 1e6 / (clock.mono_us() - began))
end

--- Admit until `count` runs are over; returns the mean time of one, in microseconds.
local function admit(e, count)
  local began, over = clock.mono_us(), 0
  local mark = e.over
  function e.paused() return over >= count end
  function e.over(self, id)
    over = over + 1
    return mark(self, id)
  end
  e:admit()
  local ok, err = e:drain()
  e.over = nil
  function e.paused() return true end
  if not ok then return nil, err end
  return (clock.mono_us() - began) / over, over
end

--- Options: events, keys, folder (a scratch folder on the disk to measure). Returns the
--- figures, or nil, err.
function bus.measure(options)
  local events, keys, folder = options.events or 100000, options.keys or 1000, options.folder
  local few = math.min(1000, events)
  scratch_home(folder)
  local fsync, message, code = core.fsync(file.join(folder, "var", "fsync.bin"), 200)
  if not fsync then return nil, errors.from(message, code) end
  local e, err = engine.open { home = folder }
  if not e then return nil, err end
  function e.paused() return true end
  local figures = { events = events, keys = keys, fsync_p50_us = fsync }
  publish(e, 1, few, keys)
  local rate
  rate, err = fan_out(e, few)
  figures.look_us_few = rate and look_us(e)
  figures.admit_us_few = rate and admit(e, math.min(few // 2, 500))
  publish(e, few + 1, events, keys)
  figures.fan_out_per_s, err = fan_out(e, events - few)
  figures.look_us_all = look_us(e)
  figures.admit_us_all, figures.admitted = admit(e, 1000)
  figures.queued = events - #e:rows("run.open", {}) - figures.admitted - math.min(few // 2, 500)
  figures.waits, figures.wait_us = 10000, wait_us(e, 10000)
  e:close()
  if err then return nil, err end
  return figures
end

return bus
