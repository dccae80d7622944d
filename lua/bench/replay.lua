--- keel bench replay: a run of many steps waits; the engine is started again, and the
--- event that the run waits for arrives. How long until the run has gone on, and what
--- its journal takes of the memory meanwhile.
local clock = require "core.clock"
local core = require "core.bench"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local json = require "json"
local lab = require "bench.lab"

local replay = {}

local agent = [[
return agent {
  version = 1,
  about = "many steps, then a wait",
  caps = { instructions = 20000000, memory = "32MiB", wall = "60s" },
  run = function(ctx, input)
    local text = ("x"):rep(70)
    for i = 1, input.steps do
      ctx.step{ name = "s", run = function() return { n = i, text = text } end }
    end
    ctx.wait{ event = "go" }
    return ctx.step{ name = "last", run = function() return "gone on" end }
  end,
}
]]

--- In a process of its own: make the journal, in a store at `path`.
local function make(folder, path, steps)
  local e = assert(engine.open { home = folder, store = path })
  assert(e:start("bench", { steps = steps }))
  assert(e:drain())
  local state = e:list({ limit = 1 })[1].state
  e:close()
  return { state = state }
end

--- In a process of its own, as after a restart: what it takes to go on.
local function resume(folder)
  local began = clock.mono_us()
  local e = assert(engine.open { home = folder })
  assert(e:drain())
  local opened, before = clock.mono_us(), lab.resident()
  local cpu = clock.cpu_us()
  assert(e:emit("go", {}))
  assert(e:drain())
  local took, used = clock.mono_us() - opened, clock.cpu_us() - cpu
  local after, peak = lab.resident()
  local run = e:list({ limit = 1 })[1]
  e:close()
  return { state = run.state, open_ms = (opened - began) / 1000, resume_ms = took / 1000, cpu_ms = used / 1000,
    rss_before = before, rss_after = after, rss_peak = peak }
end

function replay.child(what, folder, path, steps)
  lab.hello()
  local answer = what == "make" and make(folder, path, math.tointeger(steps)) or resume(folder)
  print(json.encode(answer))
end

--- A journal is made where syncing costs nothing, when there is such a place: making it
-- is not what is measured.
local function made_at(folder)
  if file.kind("/dev/shm") ~= "folder" then return file.join(folder, "var", "making.db") end
  return ("/dev/shm/keel-bench-%d.db"):format(file.getpid())
end

local function one(folder, steps)
  lab.home(folder, { bench = agent })
  local path = made_at(folder)
  local made, err = lab.answer(lab.child("replay", "make", folder, path, steps))
  os.execute(("mv '%s' '%s' && rm -f '%s'-*"):format(path, file.join(folder, "var", "keel.db"), path))
  if not made then return nil, err end
  if made.state ~= "waiting" then return nil, errors.from("the run of the bench is " .. made.state, "state") end
  local figures
  figures, err = lab.answer(lab.child("replay", "resume", folder))
  if not figures then return nil, err end
  if figures.state ~= "done" then return nil, errors.from("the run of the bench is " .. figures.state, "state") end
  return figures
end

--- Options: steps, folder. The growth of memory is told for a tenth of the steps too, so
-- that what a step adds is not mistaken for what any run needs.
function replay.measure(options)
  local steps, folder = options.steps, options.folder
  local small, err = one(file.join(folder, "small"), math.max(1, steps // 10))
  if not small then return nil, err end
  local full
  full, err = one(folder, steps)
  if not full then return nil, err end
  local fsync
  fsync, err = lab.fsync(folder)
  if not fsync then return nil, err end
  local scan, rows = core.scan(file.join(folder, "var", "keel.db"))
  if not scan then return nil, errors.from(rows) end
  return { steps = steps, records = rows, resume_ms = full.resume_ms, open_ms = full.open_ms, cpu_ms = full.cpu_ms,
    steps_per_s = math.floor(steps * 1000 / full.resume_ms), rss_bytes = full.rss_before,
    rss_grows_bytes = full.rss_peak - full.rss_before, rss_grows_tenth_bytes = small.rss_peak - small.rss_before,
    raw_scan_ms = scan, fsync_p50_us = fsync }
end

return replay
