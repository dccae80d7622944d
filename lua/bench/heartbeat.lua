--- keel bench heartbeat: how late a timer of 10 ms is on the engine's loop while every
--- script of spec/sandbox is an agent's body, one after the other and many at once.
local clock = require "core.clock"
local corpus = require "bench.corpus"
local engine = require "engine"
local errors = require "errors"
local lab = require "bench.lab"
local loop = require "loop"

local heartbeat = {}

local period_us = 10000

-- ---- the beat ----------------------------------------------------------------------

--- A timer that beats; `worst` and `cpu` are what it saw since reset(): how late a beat
-- was, and how much the loop's thread computed between two.
local function new_beat()
  local beat = { all = {}, worst = 0, cpu = 0 }
  local last, last_cpu = clock.mono_us(), clock.thread_us()
  function beat:note()
    local now, used = clock.mono_us(), clock.thread_us()
    local late = now - last - period_us
    if late < 0 then late = 0 end
    self.all[#self.all + 1] = late
    if late > self.worst then self.worst = late end
    if used - last_cpu > self.cpu then self.cpu = used - last_cpu end
    last, last_cpu = now, used
  end
  function beat:reset()
    last, last_cpu = clock.mono_us(), clock.thread_us()
    self.worst, self.cpu = 0, 0
  end
  beat.timer = loop.timer(10, function() beat:note() end, 10)
  return beat
end

local function percentile(list, share)
  if #list == 0 then return 0 end
  table.sort(list)
  return list[math.max(1, math.ceil(#list * share))]
end

-- ---- the agents --------------------------------------------------------------------

local function agent_of(source)
  return "return agent{ version = 1, about = 'an attack, or none',\nrun = function(ctx, input)\n" .. source
    .. "\nend }\n"
end

local function agents_of(list)
  local agents = {}
  for _, script in ipairs(list) do
    local source = corpus.source(corpus.directives(script.text), script.text) or script.text
    script.agent = script.area .. "_" .. script.name
    agents[script.agent] = agent_of(source)
  end
  return agents
end

local function start(e, names)
  for _, name in ipairs(names) do
    e:task(function() e:start(name, {}) end)
  end
  assert(e:drain())
end

-- ---- what is measured --------------------------------------------------------------

local function one_by_one(e, beat, list)
  local worst = {}
  for _, script in ipairs(list) do
    if e.library.agents[script.agent] then
      beat:reset()
      if os.getenv "HB" then io.stderr:write(script.agent, "\n") end
      start(e, { script.agent })
      beat:note() -- what held the loop to the end, too
      worst[#worst + 1] = { script = script.area .. "/" .. script.name, late_ms = beat.worst / 1000,
        cpu_ms = beat.cpu / 1000 }
    end
  end
  table.sort(worst, function(a, b) return a.cpu_ms > b.cpu_ms end)
  return worst
end

local function at_once(e, beat, list, n)
  local late, cpu, names = 0, 0, {}
  local function go()
    beat:reset()
    start(e, names)
    beat:note()
    late, cpu, names = math.max(late, beat.worst), math.max(cpu, beat.cpu), {}
  end
  for _, script in ipairs(list) do
    if e.library.agents[script.agent] then names[#names + 1] = script.agent end
    if #names == n then go() end
  end
  if #names > 0 then go() end
  return late / 1000, cpu / 1000
end

--- Options: folder, corpus (where the scripts are), runs at once; `steps` of the worst
-- scripts are named.
function heartbeat.measure(options)
  local list = corpus.list(options.corpus)
  if #list == 0 then
    return nil, errors.new("K1009", { name = options.corpus, file = options.corpus, detail = "no scripts are there" })
  end
  lab.home(options.folder, agents_of(list))
  local e <close> = assert(engine.open { home = options.folder, on_log = function() end })
  local beat = new_beat()
  local worst = one_by_one(e, beat, list)
  local single_ms, single_cpu = 0, 0
  for _, one in ipairs(worst) do
    single_ms, single_cpu = math.max(single_ms, one.late_ms), math.max(single_cpu, one.cpu_ms)
  end
  local many_ms, many_cpu = at_once(e, beat, list, options.runs)
  beat.timer:stop()
  local held, held_p99 = loop.held()
  return { scripts = #worst, refused = #list - #worst, beats = #beat.all,
    heartbeat_max_ms = math.max(single_ms, many_ms), heartbeat_p99_ms = percentile(beat.all, 0.99) / 1000,
    heartbeat_p50_ms = percentile(beat.all, 0.5) / 1000, single_max_ms = single_ms, many_max_ms = many_ms,
    cpu_max_ms = math.max(single_cpu, many_cpu), single_cpu_max_ms = single_cpu, many_cpu_max_ms = many_cpu,
    gauge_max_ms = held / 1000, gauge_p99_ms = held_p99 / 1000,
    worst = table.move(worst, 1, math.min(#worst, options.steps), 1, {}) }
end

return heartbeat
