--- keel bench model: calls of a model beside a bare libcurl client, against the same server
--- in a process of its own, with the ledger on the disk of the folder.
--
-- Three things are measured, for the bare client first and then for ours: N streams at once,
-- and what the process holds in memory then; calls that the server holds for 25 to 75 ms,
-- which is less than any model takes, N at once: what a call takes beyond that; and as many
-- calls as go through, N at once, with us on one core and the server on another, and with
-- everything on one: the rate, and how even it is.
local bench = require "core.bench"
local clock = require "core.clock"
local errors = require "errors"
local file = require "file"
local lab = require "bench.lab"
local loop = require "loop"
local model = require "model"
local store = require "store"

local measure = {}

--- In the child: the server.
function measure.child(cpu)
  lab.hello()
  if cpu ~= "" then bench.pin(math.tointeger(tonumber(cpu))) end
  bench.stub()
end

local prompt = ("Summarise what follows in one sentence, and name who has to act, by when. "):rep(12)

local function open_model(s, url)
  return assert(model.open { store = s, settings = { budget = { day = "$100000.00", month = "$1000000.00" },
    tiers = { small = { { provider = "openai", model = "stub", base_url = url, max_parallel = 1024,
      price = { input = 0.20, output = 0.80, cached = 0.05 } } } } } })
end

local function percentile(list, share)
  return list[math.max(1, math.ceil(#list * share))]
end

--- `calls` of them, `concurrency` at once: their times in us without what the server held
-- (sorted), the wall time, and the CPU that the process used.
local function ours(m, concurrency, calls, who)
  local times, started, failed = {}, 0, nil
  local cpu, began = clock.cpu_us(), clock.mono_us()
  for _ = 1, concurrency do
    loop.spawn(function()
      while started < calls and not failed do
        started = started + 1
        local at = clock.mono_us()
        local answer, message = m:ask({ tier = "small", prompt = prompt, max_tokens = 100 }, who and who(started))
        if not answer then failed = message return end
        times[#times + 1] = clock.mono_us() - at - tonumber(answer.request_id:match("%d+"))
      end
    end)
  end
  while #times < calls and not failed do loop.turn(true) end
  if failed then error("a call of the bench failed: " .. failed, 0) end
  local wall = clock.mono_us() - began
  table.sort(times)
  return times, wall, clock.cpu_us() - cpu
end

--- What the process has resident, at most, while `n` streams are open.
local function streams(m, n)
  local most, over, pieces, failed = 0, 0, 0, nil
  local look = loop.timer(20, function() most = math.max(most, bench.rss()) end, 20)
  for _ = 1, n do
    loop.spawn(function()
      local answer, message = m:ask { tier = "small", prompt = prompt, max_tokens = 100, on_text = function() pieces = pieces + 1 end }
      over, failed = over + 1, failed or not answer and message
    end)
  end
  while over < n do loop.turn(true) end
  look:stop()
  if failed then error("a stream of the bench failed: " .. failed, 0) end
  return most, pieces
end

local headers = { "Content-Type: application/json", "Accept: application/json" }
local core_calls = 20000

--- As many as go through, all of us on one core: with the server on another, and with the
-- server there, too (`near_`), where no core has to wake another.
local function rate(out, folder, url, body, n, near)
  near = near or ""
  local calls = math.max(core_calls, 20 * n)
  local s <close> = assert(store.open(file.join(folder, "rate" .. near .. ".db")))
  local m = open_model(s, url)
  ours(m, n, math.max(2000, n)) -- connections, statements and the advance are there
  assert(bench.fetch(url .. "/chat/completions", headers, body, n, math.max(2000, n)))
  local cpu, wall = clock.cpu_us(), nil
  out[near .. "libcurl_p50_us"], out[near .. "libcurl_p99_us"], wall = bench.fetch(url .. "/chat/completions", headers, body, n, calls)
  out[near .. "libcurl_calls_per_s"], out[near .. "libcurl_cpu_us_per_call"] = calls / wall * 1e6, (clock.cpu_us() - cpu) / calls
  local times
  times, wall, cpu = ours(m, n, calls)
  out.calls, out[near .. "calls_per_s"], out[near .. "cpu_us_per_call"] = calls, calls / wall * 1e6, cpu / calls
  out[near .. "calls_per_core_s"] = 1e6 * calls / cpu
  out[near .. "p50_us"], out[near .. "p99_us"] = percentile(times, 0.5), percentile(times, 0.99)
  out[near .. "p99_over_p50"] = out[near .. "p99_us"] / out[near .. "p50_us"]
  m:close()
  out.wrong_sums = (out.wrong_sums or 0) + #assert(s:read("budget.check", {}))
end

--- What a call takes beyond the time that the server holds it.
local function latency(out, folder, url, body, n)
  local calls = math.max(2000, 40 * n)
  local s <close> = assert(store.open(file.join(folder, "latency.db")))
  local m = open_model(s, url)
  ours(m, n, math.max(400, 4 * n))
  assert(bench.fetch(url .. "/chat/completions", headers, body, n, 2 * n))
  out.held_libcurl_p50_us, out.held_libcurl_p99_us = bench.fetch(url .. "/chat/completions", headers, body, n, calls)
  local times = ours(m, n, calls)
  out.held_p50_us, out.held_p99_us = percentile(times, 0.5), percentile(times, 0.99)
  out.added_p50_us, out.added_p99_us = out.held_p50_us - out.held_libcurl_p50_us, out.held_p99_us - out.held_libcurl_p99_us
  -- a run's call waits for the disk before it leaves and before its step ends
  times = ours(m, n, math.max(400, 10 * n), function(i) return { run = ("bench_%d"):format(i % n), agent = "bench", seq = i } end)
  out.run_added_p50_us = percentile(times, 0.5) - out.held_libcurl_p50_us
  m:close()
end

local function held_in_streams(out, folder, url, n)
  local s <close> = assert(store.open(file.join(folder, "streams.db")))
  local m = open_model(s, url)
  out.streams, out.streams_rss_bytes, out.stream_events = n, streams(m, n)
  m:close()
end

local function run(options, port, near_port, cpus)
  local n, out = options.concurrency, { concurrency = options.concurrency }
  local body = require("json").encode { model = "stub", messages = { { role = "user", content = prompt } }, max_tokens = 100 }
  local function url(hold, at) return ("http://127.0.0.1:%s/%s"):format(at or port, hold) end
  held_in_streams(out, options.folder, url "400000-800000", n)
  latency(out, options.folder, url "25000-75000", body, n)
  -- the first core is the one that interrupts come to
  if #cpus > 1 then bench.pin(cpus[#cpus]) end
  rate(out, options.folder, url "0-0", body, n)
  if #cpus > 1 then rate(out, options.folder, url("0-0", near_port), body, n, "near_") end
  return out
end

--- options: concurrency, folder.
function measure.measure(options)
  local cpus = bench.cpus()
  assert(file.mkdir(file.join(options.folder, "var")))
  local fsync, err = lab.fsync(options.folder)
  if not fsync then return nil, err end
  local child, near = lab.child("model", #cpus > 1 and cpus[1] or ""), lab.child("model", cpus[#cpus] or "")
  local ran, out = xpcall(run, debug.traceback, options, child.lines(), near.lines(), cpus)
  for _, one in ipairs { child, near } do
    os.execute("kill " .. one.pid)
    one.close()
  end
  if not ran then return nil, errors.new("K1009", { name = "the bench", detail = tostring(out) }) end
  out.fsync_p50_us = fsync
  return out
end

return measure
