--- make crash-points: killed at every named place of every scenario, again and again.
--
--   build/keel lua spec/crash/points.lua [--stride N] [--seed N] [--only SCENARIO] [--deep N] [--jobs N]
--
-- Places are named in the sources (crash.h, core.crash). Each scenario is played once
-- undisturbed, with a count of how often each place was passed; then, for each place and
-- each pass, on a home of its own: killed there, and gone on with. Then some of these are
-- killed a second time, in what follows the first (recovery, probes, answers): `deep` of
-- each scenario. What is there in the end (runs, records, memory, outbox, documents, the
-- ledger) must equal what is there undisturbed, and every journal must replay equal.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local file = require "file"
local json = require "json"
local lab = require "spec.crash.lab"
local play = require "spec.crash.play"
local storm = require "spec.crash.storm"

local points = {}

function points.scenarios()
  local names = {}
  for _, name in ipairs(assert(file.list("spec/crash/scenarios"))) do names[#names + 1] = name:match("^(.*)%.lua$") end
  return names
end

local parts = { "integrity", "runs", "records", "memory", "outbox", "documents", "ledger", "waiting", "replays" }

local matrix = {}
matrix.__index = matrix

--- Options: stride, seed, deep, ledger (flags), each(scenario, what, complaints).
function points.new(options)
  local books = lab.scratch() .. ".books"
  return setmetatable({ options = options, ledger = storm.ledger(books, options.ledger), realm = 0, rows = {}, passed = 0, scenarios = 0,
    failed = 0 }, matrix)
end

function matrix:close()
  self.ledger.stop()
  os.remove(self.ledger.file)
end

--- One process: plays on; `env` is put before it. Returns the exit code, the state or nil, what it said.
function matrix:process(name, home, realm, env)
  local out, err = os.tmpname(), os.tmpname()
  local code = lab.shell(("env -u KEEL_HOME %s timeout -s KILL 20 %s lua spec/crash/play.lua %s %s %s %s </dev/null >%s 2>%s")
    :format(env or "", lab.quoted(require "spec.support.program"), home, name, self.ledger.file, realm, out, err))
  local text, said = file.read(out), file.read(err)
  os.remove(out)
  os.remove(err)
  return code, code == 0 and json.decode(text) or nil, said
end

function matrix:home(scenario)
  self.realm = self.realm + 1
  local home, realm = lab.scratch(), "cell" .. self.realm
  assert(file.mkdir(home))
  play.furnish(home, scenario, self.ledger.port, realm)
  return home, realm
end

--- { { place, passes }, ... } in order of names.
local function counted(path)
  local list = {}
  for place, n in (file.read(path) or ""):gmatch("(%S+) (%d+)\n") do list[#list + 1] = { place, math.tointeger(tonumber(n)) } end
  table.sort(list, function(a, b) return a[1] < b[1] end)
  return list
end

function matrix:row(place)
  self.rows[place] = self.rows[place] or { cells = 0, hits = 0, failed = 0 }
  return self.rows[place]
end

local function sane(name, scenario, state)
  local function check(what, want, got)
    assert(want == got, ("%s: %s: expected %s, got %s\n%s"):format(name, what, want, got, json.encode(state, 2)))
  end
  for _, text in ipairs(state.runs) do
    local run = json.decode(text)
    check("the state of " .. run.agent, scenario.states[run.agent], run.state)
  end
  check("replays", 0, #state.replays)
  for _, part in ipairs { "records", "memory", "outbox", "ledger" } do check(part, scenario[part] or 0, #state[part]) end
end

--- Killed at the places of `kills`, one after the other; then on to the end.
function matrix:cell(name, scenario, want, kills)
  local home, realm = self:home(scenario)
  local row = self:row((#kills > 1 and "then " or "") .. kills[#kills][1])
  row.cells = row.cells + 1
  local complaints, what, hit = {}, {}, false
  for _, kill in ipairs(kills) do
    local code, _, said = self:process(name, home, realm, ("KEEL_CRASH=%s:%d"):format(kill[1], kill[2]))
    what[#what + 1] = ("%s %d"):format(kill[1], kill[2])
    hit = code == 137
    if code ~= 137 and code ~= 0 then complaints[#complaints + 1] = ("it ended with %d: %s"):format(code, said) end
  end
  if hit then row.hits = row.hits + 1 end
  local code, state, said = self:process(name, home, realm)
  if state then
    for _, one in ipairs(lab.differences(want, state, parts)) do complaints[#complaints + 1] = one end
  else
    complaints[#complaints + 1] = ("going on ended with %d: %s"):format(code, said)
  end
  if #complaints == 0 then
    self.passed = self.passed + 1
    lab.remove(home)
  else
    self.failed, row.failed = self.failed + 1, row.failed + 1
  end
  self.options.each(name, table.concat(what, ", then "), complaints, home)
end

--- What a process passes that goes on after being killed at `kill`.
function matrix:passes_after(name, scenario, kill)
  local home, realm = self:home(scenario)
  local count = os.tmpname()
  if kill then self:process(name, home, realm, ("KEEL_CRASH=%s:%d"):format(kill[1], kill[2])) end
  local code, state, said = self:process(name, home, realm, "KEEL_CRASH_COUNT=" .. count)
  local list = counted(count)
  os.remove(count)
  lab.remove(home)
  assert(state, ("%s, %s: ended with %d: %s"):format(name, kill and kill[1] or "undisturbed", code, said))
  return list, state
end

function matrix:scenario(name, dice)
  local scenario = require("spec.crash.scenarios." .. name)
  self.scenarios = self.scenarios + 1
  local passes, want = self:passes_after(name, scenario)
  sane(name, scenario, want)
  local kills = {}
  for _, pass in ipairs(passes) do
    for n = 1, pass[2] do kills[#kills + 1] = { pass[1], n } end
  end
  local first = self.options.stride > 1 and dice(self.options.stride) or 1
  for i = first, #kills, self.options.stride do self:cell(name, scenario, want, { kills[i] }) end
  local seen = {}
  for _, pass in ipairs(passes) do seen[pass[1]] = true end
  -- first around an effect, where the way back has most to find out; then anywhere
  local around = {}
  for _, place in ipairs { "after_effect", "after_intent" } do
    if seen[place] then around[#around + 1] = { place, 1 } end
  end
  for i = 1, self.options.deep do
    local kill = around[i] or kills[dice(#kills)]
    local after, news = {}, {}
    for _, pass in ipairs((self:passes_after(name, scenario, kill))) do
      for n = 1, pass[2] do
        after[#after + 1] = { pass[1], n }
        if not seen[pass[1]] then news[#news + 1] = after[#after] end
      end
    end
    for k = 1, #news do self:cell(name, scenario, want, { kill, news[k] }) end -- places of the way back alone
    for _ = 1, math.min(2, #after) do self:cell(name, scenario, want, { kill, after[dice(#after)] }) end
  end
end

--- Play the matrix. Returns it, with rows, passed and failed.
function points.run(options)
  local m = points.new(options)
  math.randomseed(options.seed)
  local ok, message = xpcall(function()
    for i, name in ipairs(options.only and { options.only } or points.scenarios()) do
      if not options.part or i % options.jobs + 1 == options.part then m:scenario(name, math.random) end
    end
  end, debug.traceback)
  m:close()
  if not ok then error(message, 0) end
  return m
end

local function table_of(rows)
  local names = {}
  for place in pairs(rows) do names[#names + 1] = place end
  table.sort(names)
  io.write(("%-28s %8s %8s %8s\n"):format("place", "homes", "killed", "failed"))
  for _, place in ipairs(names) do
    local row = rows[place]
    io.write(("%-28s %8d %8d %8d\n"):format(place, row.cells, row.hits, row.failed))
  end
end

--- One part of the matrix, told to a parent: complaints as lines, at the end a line of JSON.
local function part(options)
  local shown = 0
  function options.each(name, what, complaints, home)
    if #complaints == 0 or shown >= 6 then return end
    shown = shown + 1
    io.write(("FAILED %s, killed at %s (kept: %s)\n"):format(name, what, home))
    for i = 1, math.min(6, #complaints) do io.write("  ", complaints[i]:sub(1, 600), "\n") end
    io.flush()
  end
  local m = points.run(options)
  io.write("= ", json.encode { rows = m.rows, passed = m.passed, failed = m.failed, scenarios = m.scenarios }, "\n")
  return true
end

--- The whole matrix, in parts side by side: a cell sleeps more than it works.
function points.main(options)
  if options.part then return part(options) end
  local began, pipes = clock.mono_us(), {}
  for i = 1, options.jobs do
    pipes[i] = assert(io.popen(("%s lua spec/crash/points.lua --part %d --jobs %d --stride %d --deep %d --seed %d %s"):format(
      lab.quoted(require "spec.support.program"), i, options.jobs, options.stride, options.deep, options.seed,
      options.only and "--only " .. options.only or "")))
  end
  local rows, passed, failed, scenarios = {}, 0, 0, 0
  for i, pipe in ipairs(pipes) do
    local whole = false
    for line in pipe:lines() do
      local text = line:match("^= (.*)$")
      if text then
        local said = json.decode(text)
        whole = true
        passed, failed, scenarios = passed + said.passed, failed + said.failed, scenarios + said.scenarios
        for place, row in pairs(said.rows) do
          local sum = rows[place] or { cells = 0, hits = 0, failed = 0 }
          for field, n in pairs(row) do sum[field] = sum[field] + n end
          rows[place] = sum
        end
      else
        io.write(line, "\n")
        io.flush()
      end
    end
    pipe:close()
    if not whole then
      failed = failed + 1
      io.write(("part %d did not come to its end\n"):format(i))
    end
  end
  table_of(rows)
  io.write(("seed %d, %d scenarios, %.0f s\n%d passed, %d failed\n"):format(options.seed, scenarios,
    (clock.mono_us() - began) / 1e6, passed, failed))
  return failed == 0
end

if arg and arg[0] and arg[0]:find("points%.lua$") then
  local options = { stride = 1, deep = 2, jobs = 4, seed = os.time() }
  for i = 1, #arg, 2 do
    options[arg[i]:match("^%-%-(.+)$")] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
  end
  if not points.main(options) then error({ message = "a kill left something behind" }) end
end

return points
