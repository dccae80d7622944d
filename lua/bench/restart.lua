--- keel bench restart: a served engine with R open runs, a tenth of them at work, is killed
--- with -9 and stopped with SIGSTOP, again and again. How long until a request is answered
--- that was sent right after, and whether any was refused meanwhile.
local clock = require "core.clock"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local http = require "http"
local json = require "json"
local lab = require "bench.lab"
local loop = require "loop"

local restart = {}

local kills, stops = 10, 3

local sleeper = [[
return agent { version = 1, about = "sleeps", run = function(ctx, input)
  ctx.step{ name = "before", run = function() return input.n end }
  ctx.sleep("30d")
end }
]]

local worker = [[
return agent { version = 1, about = "does one step after the other", run = function(ctx, input)
  for i = 1, 1000000 do ctx.step{ name = "s", run = function() return { n = i, text = ("x"):rep(70) } end } end
end }
]]

--- In a process that is killed: begin all runs, and say so when all are open and at work.
local function begin(folder, runs)
  local e = assert(engine.open { home = folder })
  for from = 1, runs - runs // 10, 500 do
    for n = from, math.min(from + 499, runs - runs // 10) do
      e:task(function() assert(e:start("sleeper", { n = n })) end)
    end
    assert(e:drain())
  end
  local left = runs // 10
  for n = 1, runs // 10 do
    e:task(function()
      assert(e:start("worker", { n = n }))
      left = left - 1
    end)
  end
  assert(e:drain(function() return left == 0 end))
  print "begun"
  assert(e:drain())
end

function restart.child(folder, runs)
  lab.hello()
  begin(folder, math.tointeger(runs))
end

local function pid_of(folder)
  local paper = json.decode(file.read(file.join(folder, "var", "engine.json")) or "")
  return type(paper) == "table" and paper.pid
end

local function kill(signal, pid) os.execute(("kill -%s %d"):format(signal, pid)) end

--- Send the engine a signal, and ask at once: ms until another engine answers. Counts in
--- `failed` the requests that were refused, and those that the dying engine had taken.
local function strike(folder, url, signal, failed)
  local pid = pid_of(folder)
  local since = clock.mono_us()
  kill(signal, pid)
  while clock.mono_us() - since < 30000000 do
    local reply, _, code = http.request { url = url .. "health", limits = { total_ms = 20000, connect_ms = 20000,
      first_byte_ms = 20000 } }
    local took = (clock.mono_us() - since) / 1000
    if reply and reply.status == 200 and pid_of(folder) ~= pid then return took end
    if not reply then
      local what = code == "lost" and "lost" or "refused"
      failed[what] = failed[what] + 1
      loop.sleep(1)
    end
  end
  return nil, errors.new("K1009", { name = "the bench's engine", detail = "it did not come back" })
end

local function many(folder, url, signal, times, failed)
  local list = {}
  for i = 1, times do
    local ms, err = strike(folder, url, signal, failed)
    if not ms then return nil, err end
    list[i] = ms
    loop.sleep(300)
  end
  table.sort(list)
  return list
end

local function measure(folder, url)
  local failed = { lost = 0, refused = 0 }
  local killed, err = many(folder, url, "KILL", kills, failed)
  if not killed then return nil, err end
  local stopped
  stopped, err = many(folder, url, "STOP", stops, failed)
  if not stopped then return nil, err end
  return { restart_p50_ms = killed[#killed // 2 + 1], restart_max_ms = killed[#killed], refused = failed.refused, lost = failed.lost,
    stall_p50_ms = stopped[#stopped // 2 + 1], stall_max_ms = stopped[#stopped] }
end

local function count(folder)
  local look <close> = assert(engine.look { home = folder })
  local counts = { running = 0, waiting = 0, quarantined = 0 }
  for _, row in ipairs(look:rows("run.counts", {})) do counts[row.state] = (counts[row.state] or 0) + row.n end
  return counts
end

--- options: runs, folder. Returns the figures, or nil, err.
function restart.measure(options)
  local folder = lab.home(options.folder, { sleeper = sleeper, worker = worker })
  local fsync, err = lab.fsync(folder)
  if not fsync then return nil, err end
  local child = lab.child("restart", folder, options.runs)
  local line = child.lines()
  kill("KILL", child.pid)
  child.close()
  if line ~= "begun" then return nil, errors.new("K1009", { name = "the bench's own child", detail = line or "it ended" }) end
  local served = lab.serve(folder, "--listen 127.0.0.1:0")
  if not served then return nil, errors.new("K1009", { name = "the bench's engine", detail = "it did not start" }) end
  local counts = count(folder)
  local figures
  figures, err = measure(folder, served.url)
  kill("TERM", served.supervisor_pid)
  served.close()
  if not figures then return nil, err end
  figures.runs, figures.running, figures.waiting = options.runs, counts.running, counts.waiting
  figures.quarantined, figures.fsync_p50_us = count(folder).quarantined, fsync
  return figures
end

return restart
