--- make crash: `kill -9` of a served engine under 64 runs at once, again and again.
--
--   build/keel lua spec/crash/storm.lua [--kills N] [--runs N] [--seed N] [--keep 1]
--
-- The runs do what agents do: steps, records, memory, sleeps, children, events, and effects
-- of all classes on a ledger (spec/crash/ledger.lua) that is another process with books of
-- its own, loses replies, is busy or slow. The engine dies at random moments, in its
-- recovery too, now and then with its supervisor. Every question that comes up is answered
-- as the ledger's books say, with `keel reconcile`. In the end the books, the journals and
-- the store must agree.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local engine = require "engine"
local fake_model = require "spec.support.fake_model"
local file = require "file"
local json = require "json"
local lab = require "spec.crash.lab"
local loop = require "loop"
local program = require "spec.support.program"

local storm = {}

-- ---- the home ---------------------------------------------------------------------------

local agents = {}

--- One job: everything an agent can do, and what it leaves behind is known beforehand.
agents.worker = [[
return agent { version = 1, about = "does a job", concurrency = 64, on = { event = "job.made", key = "id" }, uses = { "world" },
  memory = { read = { "job/*" }, write = { "job/*" } },
  run = function(ctx, job)
    local out, errors = {}, {}
    ctx.sleep(job.pause)
    local work = ctx.step{ name = "work", run = function() return { n = job.n * 2 } end }
    ctx.records.put{ type = "stage", key = job.id, value = { stage = 1, n = work.n } }
    local function effect(op)
      local key, entry, err = op .. ":" .. job.id, nil, nil
      for _ = 1, 40 do
        entry, err = ctx.skill.world{ op = op, job = job.id, n = job.n, key = key }
        if entry then return entry.n end
        ctx.sleep(20)
      end
      error(op .. ": " .. err.message)
    end
    out.charge = effect("charge")
    ctx.memory.remember{ kind = "job", key = job.id, text = "job " .. job.id .. " is paid" }
    ctx.sleep(job.pause // 2)
    local both = ctx.all{
      post = function() return effect("post") end,
      child = function() return ctx.call("helper", { id = job.id, n = job.n, pause = job.pause }) end,
    }
    out.post, out.child = both.post, both.child
    out.ring = effect("ring")
    ctx.records.put{ type = "stage", key = job.id, value = { stage = 2, n = work.n } }
    ctx.emit("job.done", { id = job.id, n = work.n }, { key = job.id })
    return out
  end }]]

agents.helper = [[
return agent { version = 1, about = "part of a job", uses = { "world" },
  run = function(ctx, job)
    local seen = ctx.skill.world{ op = "look", name = job.id }
    ctx.sleep(job.pause)
    ctx.model{ tier = "small", prompt = "say something about " .. job.id, max_tokens = 40 }
    for _ = 1, 40 do
      local entry = ctx.skill.world{ op = "charge", job = job.id .. "/child", n = job.n, key = "child:" .. job.id }
      if entry then return { n = entry.n, looked = seen ~= nil } end
      ctx.sleep(20)
    end
    error("no charge")
  end }]]

agents.tally = [[
return agent { version = 1, about = "counts what is done", on = { event = "job.done", key = "id" },
  run = function(ctx, done)
    ctx.records.put{ type = "tally", key = done.id, value = { n = done.n } }
    return done.n
  end }]]

local config = [[return { zone = "UTC", http = { listen = "127.0.0.1:0" }, budget = { day = "$5.00" },
  tiers = { small = { { provider = "openai", model = "m", base_url = "%s", price = { input = 0.20, output = 0.80, cached = 0.05,
    as_of = "2026-11-01" }, context = 128000, max_parallel = 8 } } },
  adapters = { world = { use = "http_json", base_url = "http://127.0.0.1:%d", hosts = { "127.0.0.1" }, timeout = "5s",
    secret = "known to the ledger",
    ops = { charge = { path = "/keyed/charge", keys = true },
      post = { path = "/probed/post", probe = "/probed/{key}" },
      ring = { path = "/blind/ring" },
      look = { path = "/read/{name}", method = "GET" } } } } }]]

--- Make the home of a storm whose ledger listens at `port`, and whose model at `model_url`.
function storm.home(port, model_url)
  local home = lab.scratch()
  for _, folder in ipairs { "agents", "var" } do assert(file.mkdir(home .. "/" .. folder)) end
  assert(file.write(home .. "/config.lua", config:format(model_url, port)))
  for name, text in pairs(agents) do assert(file.write(("%s/agents/%s.lua"):format(home, name), text)) end
  return home
end

-- ---- processes ----------------------------------------------------------------------------

local function spawned(command)
  local pipe = assert(io.popen(command))
  return pipe, pipe:read("l")
end

--- Start a ledger: { port, file, pid, stop() }. `words` are its flags.
function storm.ledger(books, words)
  local pipe, line = spawned(("echo $$; exec %s lua spec/crash/ledger.lua --file %s %s"):format(lab.quoted(program),
    lab.quoted(books), words or ""))
  local self = { pid = math.tointeger(tonumber(line)), file = books }
  self.port = math.tointeger(tonumber((pipe:read("l") or ""):match("^listening (%d+)$")))
  assert(self.port, "the ledger does not listen")
  function self.stop()
    os.execute("kill -9 " .. self.pid)
    pipe:close()
  end
  return self
end

--- Serve a home: { supervisor, stop(signal) }; the supervisor dies with its pipe's reader.
local function serve(home)
  local pipe, line = spawned(("echo $$; exec %s serve --home %s --listen off </dev/null 2>>%s"):format(
    lab.quoted(program), lab.quoted(home), lab.quoted(home .. "/serve.log")))
  local self = { supervisor = math.tointeger(tonumber(line)) }
  function self.stop(signal)
    os.execute(("kill -%s %d 2>/dev/null"):format(signal, self.supervisor))
    pipe:close()
  end
  return self
end

--- The engine under a supervisor, or nil while there is none.
local function engine_of(supervisor)
  local text = file.read(("/proc/%d/task/%d/children"):format(supervisor, supervisor))
  return text and math.tointeger(tonumber(text:match("%d+")))
end

-- ---- a person at the command line -----------------------------------------------------------

--- The lines of a ledger's books.
function storm.books(path)
  local list = {}
  for line in (file.read(path) or ""):gmatch("([^\n]*)\n") do list[#list + 1] = assert(json.decode(line)) end
  return list
end

--- The first entry of a key.
local function entry_of(books, key)
  for _, entry in ipairs(storm.books(books)) do
    if entry.key == key then return entry end
  end
end

--- Answer every question as the books say. Returns what was asked: a list of keys.
function storm.answer(home, books)
  local asked = {}
  for _, item in ipairs(json.decode(lab.keel(home, "inbox --json").out) or {}) do
    if item.kind == "reconcile" then
      local key = storm.key_of(item)
      local entry = entry_of(books, key) -- read now: what is asked about is in them, or never will be
      local how = entry and "--happened " .. lab.quoted(json.encode(entry)) or "--not-happened"
      local done = lab.keel(home, ("reconcile %s %s --json"):format(item.id, how))
      asked[#asked + 1] = { key = key, id = item.id, code = done.code, happened = entry ~= nil }
    end
  end
  return asked
end

--- The key of the effect that an item of the inbox asks about.
function storm.key_of(item)
  local proposal = item.proposal or {}
  return proposal.key or item.subject:match("^reconcile:(.+)$")
end

-- ---- the storm --------------------------------------------------------------------------------

local body = {}
body.__index = body

--- Send a job's event through the socket; nobody is waited for.
function body:emit(job)
  local path = self.home .. "/var/engine.sock"
  if not file.exists(path) then return end
  local request = json.encode { argv = { "emit", "job.made", json.encode(job), "--key", job.id, "--json" }, cwd = "/" }
  local conn
  conn = require("core.socket").connect(path, 1 << 20, {
    line = function(_, line)
      local said = json.decode(line)
      if said and said.code == 0 then self.unmade[job.id] = nil end
    end,
    closed = function() self.sending[job.id] = nil end,
  })
  if not conn then return end
  self.sending[job.id] = conn
  conn:send(request)
end

--- How many runs of workers are open now, and which jobs have none yet.
function body:refill()
  if not self.look then
    if not file.exists(self.home .. "/var/engine.sock") then return end
    self.look = engine.look { home = self.home }
    if not self.look then return end
  end
  local open = 0
  local rows = self.look.store:read("run.open", {}) or {}
  for _, row in ipairs(rows) do
    if row.agent == "worker" then open = open + 1 end
  end
  self.most_open = math.max(self.most_open, open)
  self.most_runs = math.max(self.most_runs, #rows)
  local most = 24 -- connections; an event is durable long before its command is over
  for _ in pairs(self.sending) do open, most = open + 1, most - 1 end
  for id, job in pairs(self.unmade) do
    if not self.sending[id] and most > 0 then
      open, most = open + 1, most - 1
      self:emit(job)
    end
  end
  while open < self.width and self.n < self.runs and most > 0 do
    most = most - 1
    self.n = self.n + 1
    local job = { id = ("j%05d"):format(self.n), n = self.n, pause = math.random(60, 1800) }
    self.jobs[job.id], self.unmade[job.id] = job, job
    open = open + 1
    self:emit(job)
  end
end

--- Turn the loop for `ms`, feeding the engine.
function body:live(ms)
  local till = clock.mono_us() + ms * 1000
  while clock.mono_us() < till do
    self:refill()
    loop.sleep(math.max(1, math.min(10, (till - clock.mono_us()) // 1000)))
  end
end

local function wait_for(fn, ms)
  local till = clock.mono_us() + ms * 1000
  repeat
    local value = fn()
    if value then return value end
    loop.sleep(1)
  until clock.mono_us() > till
end

--- The next engine after process `last`.
function body:next_engine(last)
  return wait_for(function()
    local pid = engine_of(self.server.supervisor)
    return pid and pid ~= last and pid
  end, 15000)
end

local function paper_pid(home)
  local text = file.read(home .. "/var/engine.json")
  local paper = text and json.decode(text)
  return paper and paper.pid
end

--- One life: born, served, killed. In its recovery one time in six.
function body:life()
  local pid = self:next_engine(self.last)
  if not pid then -- its supervisor was killed, or waits long
    self.server.stop("KILL")
    self.server = serve(self.home)
    return
  end
  self.last = pid
  if math.random(6) == 1 then
    self.early = self.early + 1
    loop.sleep(math.random(0, 40))
  else
    if not wait_for(function() return paper_pid(self.home) == pid end, 15000) then
      self.late = self.late + 1
    end
    self:live(math.random(5, 120))
  end
  if math.random(40) == 1 then
    self.server.stop("KILL") -- takes its engine along
    self.server = serve(self.home)
    self.last = nil
    self.kills, self.both = self.kills + 1, self.both + 1
  elseif os.execute(("kill -9 %d 2>/dev/null"):format(pid)) then
    self.kills = self.kills + 1
  end
end

function body:ask()
  for _, one in ipairs(storm.answer(self.home, self.ledger.file)) do
    if one.code == 0 or one.code == 6 then self.asked[one.key or "?"] = one end
    self.questions = self.questions + 1
  end
end

--- Nobody kills any more: until all jobs are done and told.
function body:finish(patience_ms)
  local till = clock.mono_us() + patience_ms * 1000
  while clock.mono_us() < till do
    self.runs = math.min(self.runs, self.n)
    self:live(100)
    local open = #(self.look and self.look.store:read("run.open", {}) or { true })
    local fresh = #(self.look and self.look.store:read("event.new", {}) or { true })
    local queued = #(self.look and self.look.store:read("delivery.heads", {}) or { true })
    if next(self.unmade) == nil and open == 0 and fresh == 0 and queued == 0 then return true end
    if clock.mono_us() > (self.next_ask or 0) then
      self:ask()
      self.next_ask = clock.mono_us() + 500000
    end
  end
  return false
end

--- Options: kills, runs (jobs at most), width (at once), seed, ledger (flags), tell(text).
-- Returns the storm, over: { home, ledger, jobs, asked, kills, ... }.
function storm.run(options)
  math.randomseed(options.seed)
  local books = lab.scratch() .. ".books"
  local self = setmetatable({ kills = 0, early = 0, late = 0, both = 0, n = 0, width = options.width or 64, runs = options.runs,
    jobs = {}, unmade = {}, sending = {}, asked = {}, questions = 0, most_open = 0, most_runs = 0 }, body)
  self.ledger = storm.ledger(books, options.ledger or ("--lose 60 --busy 60 --slow 60 --no-probe 20 --seed %d"):format(options.seed))
  self.model = fake_model.start()
  self.model:default { text = "it is fine", usage = { prompt_tokens = 60, completion_tokens = 20, cached_tokens = 10 } }
  self.home = storm.home(self.ledger.port, self.model.base_url)
  local began = clock.mono_us()
  self.server = serve(self.home)
  local told = 0
  wait_for(function() -- not before the house is full
    self:live(20)
    return self.most_open >= math.min(self.width, self.runs) * 9 // 10
  end, 20000)
  while self.kills < options.kills do
    self:life()
    if self.kills % 25 == 0 and self.kills > 0 and self.kills ~= told then
      told = self.kills
      self:ask()
      if options.tell and told % 100 == 0 then
        options.tell(("  %d kills, %d jobs begun, %d questions, %.0f s"):format(told, self.n, self.questions,
          (clock.mono_us() - began) / 1e6))
      end
    end
  end
  self.whole = self:finish(options.patience_ms or 120000)
  if self.look then self.look:close() end
  self.server.stop("TERM")
  self.ledger.stop()
  local billed = self.model:books()
  self.billed = (billed.input - billed.cached) * 200000 + billed.cached * 50000 + billed.output * 800000
  self.model:stop()
  self.seconds = (clock.mono_us() - began) / 1e6
  return self
end

-- ---- the judgement ------------------------------------------------------------------------------

local promised_once = { keyed = true, probed = true, blind = true }

--- What the ledger holds of a job: op -> list of entries.
local function by_job(entries)
  local map = {}
  for _, entry in ipairs(entries) do
    local place = entry.body.job .. " " .. entry.op
    map[place] = map[place] or {}
    table.insert(map[place], entry)
  end
  return map
end

--- The money: never booked below the bill, nothing held for ever, the sums equal their parts.
local function judge_money(self, look, figures, complain)
  figures.booked = 0
  for _, row in ipairs(look.store:read("ledger.list", { since = 0, limit = 1000000 })) do
    if row.state == "reserved" then complain("money is still held: %s", json.encode(row)) end
    figures.booked = figures.booked + row.cost
  end
  if figures.booked < self.billed then complain("%d billed, %d booked (pico-USD)", self.billed, figures.booked) end
  for _, row in ipairs(look.store:read("budget.check", {})) do complain("a budget is not the sum of its calls: %s", json.encode(row)) end
end

--- Compare everything. Returns a list of complaints and a table of figures.
function storm.judge(self)
  local list, figures = {}, { runs = 0, duplicates = 0, effects = {}, silent = 0 }
  local function complain(text, ...) list[#list + 1] = text:format(...) end
  if not self.whole then complain("not all runs came to an end") end
  local look <close> = assert(engine.look { home = self.home })
  local entries = storm.books(self.ledger.file)
  local map = by_job(entries)
  for _, entry in ipairs(entries) do figures.effects[entry.kind] = (figures.effects[entry.kind] or 0) + 1 end
  for place, arrived in pairs(map) do
    if #arrived > 1 and promised_once[arrived[1].kind] then
      figures.duplicates = figures.duplicates + #arrived - 1
      complain("the ledger has %s %d times: %s", place, #arrived, json.encode(json.array(arrived)))
    end
  end

  local runs, tallies = {}, {}
  for _, run in ipairs(look:list { limit = 1000000 }) do
    figures.runs = figures.runs + 1
    if run.agent == "worker" then
      local id = run.key:match("j%d+$")
      if runs[id] then complain("job %s has two runs", id) end
      runs[id] = run
    elseif run.agent == "tally" then
      tallies[run.key:match("j%d+$")] = run
    end
  end
  local stages = {}
  for _, row in ipairs(look.store:read("record.find", { type = "stage", limit = 1000000 })) do stages[row.key] = row.value end

  local function effect(id, op, receipt)
    local arrived = map[id .. " " .. op] or {}
    if #arrived == 0 then return complain("%s: the ledger knows of no %s", id, op) end
    if receipt ~= arrived[1].n then
      figures.silent = figures.silent + 1
      complain("%s: the run says %s for %s, the ledger says %d", id, tostring(receipt), op, arrived[1].n)
    end
  end
  for id, job in pairs(self.jobs) do
    local run = runs[id]
    if not run then
      complain("job %s is lost", id)
    elseif run.state ~= "done" then
      complain("job %s ended as %s: %s", id, run.state, json.encode(run.error or json.null))
    else
      for _, op in ipairs { "charge", "post", "ring" } do effect(id, op, run.output[op]) end
      effect(id .. "/child", "charge", run.output.child and run.output.child.n)
      local stage = stages[id]
      if not stage or stage.stage ~= 2 or stage.n ~= job.n * 2 then complain("%s: its record is %s", id, json.encode(stage or json.null)) end
      local told = tallies[id]
      if not told or told.state ~= "done" then complain("%s: its event came to nobody", id) end
    end
  end
  judge_money(self, look, figures, complain)
  local remembered = 0
  for line in look:memory():export() do
    remembered = remembered + 1
    local _ = line
  end
  if remembered ~= self.n then complain("%d jobs left %d memories", self.n, remembered) end
  for _, row in ipairs(look.store:read("check.integrity", {})) do
    if row.result ~= "ok" then complain("integrity_check: %s", row.result) end
  end
  for _, one in ipairs(lab.replays(self.home)) do list[#list + 1] = one end
  figures.replayed = #list
  return list, figures
end

-- ---- the command -----------------------------------------------------------------------------------

local function count(t)
  local n = 0
  for _ in pairs(t) do n = n + 1 end
  return n
end

--- Play a storm, print its table. Returns whether it holds.
function storm.main(options)
  local function tell(text) io.write(text, "\n") io.flush() end
  tell(("seed %d: %d kills under %d runs at once"):format(options.seed, options.kills, options.width or 64))
  options.tell = tell
  local self = storm.run(options)
  local list, figures = storm.judge(self)
  local e = figures.effects
  tell(("kills %d (%d in recovery, %d with the supervisor), jobs %d, runs %d, at once at most %d (%d with children), %.0f s"):format(self.kills,
    self.early, self.both, self.n, figures.runs, self.most_open, self.most_runs, self.seconds))
  tell(("  %-34s %8s %10s"):format("effects at the ledger", "recorded", "wanted"))
  tell(("  %-34s %8d %10d"):format("idempotent, by key", e.keyed or 0, 2 * self.n))
  tell(("  %-34s %8d %10d"):format("at most once, with a probe", e.probed or 0, self.n))
  tell(("  %-34s %8d %10d"):format("at most once, nobody to ask", e.blind or 0, self.n))
  tell(("  duplicates %d, questions asked %d (of %d effects), results that the ledger does not know %d"):format(
    figures.duplicates, self.questions, count(self.asked), figures.silent))
  tell(("  model calls: %.6f USD billed, %.6f booked (a call that was cut off is booked at its most)"):format(
    self.billed / 1e12, figures.booked / 1e12))
  for i = 1, math.min(#list, 20) do tell("  FAILED " .. list[i]) end
  tell(("%d passed, %d failed"):format(self.n - math.min(#list, self.n), #list))
  if #list == 0 and not options.keep then
    lab.remove(self.home)
    os.remove(self.ledger.file)
  else
    tell("kept: " .. self.home .. " and " .. self.ledger.file)
  end
  return #list == 0
end

if arg and arg[0] and arg[0]:find("storm%.lua$") then
  local options = { kills = 200, seed = os.time(), runs = 100000 }
  for i = 1, #arg, 2 do
    options[arg[i]:match("^%-%-(.+)$")] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
  end
  if not storm.main(options) then error({ message = "the storm left something behind" }) end
end

return storm
