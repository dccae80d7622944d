--- A case file (spec/cases/case.schema.json) that is played: what is there before, what
--- comes, what models and people say, what goes wrong, and what must be so at the end.
--
--   local value = assert(case.read "case.json")
--   local told = assert(case.play(home, value, {}))
--   #told.differences == 0        -- it holds
--
-- It is played in a home beside the home with the same sources and a store of its own, empty
-- before. Its clock stands, and goes on to what is next: an event, an answer that somebody
-- gives, a timer of what it started. Nothing leaves it. It is over when its runs are, or wait
-- for what does not come; timers that runs left behind (timer.set) are not waited for.
--
-- Where the case kills the engine, the engine lives in a process of its own, which is killed
-- and started again; what the world outside knows (case/world.lua) stays.
local clock = require "core.clock"
local digest = require "core.digest"
local engine = require "engine"
local errors = require "errors"
local expect = require "case.expect"
local faults = require "case.faults"
local file = require "file"
local homes = require "case.home"
local json = require "json"
local models = require "case.models"
local people = require "case.people"
local rfc3339 = require "rfc3339"
local snapshot = require "case.snapshot"
local trial = require "dev.trial"
local where = require "where"
local world = require "case.world"

local case = {}

--- Turns of the clock after which a case is taken not to end.
local most_turns = 20000
--- Times that an engine may be killed.
local most_lives = 100

-- Reading ---------------------------------------------------------------------------------

local function refuse(name, detail)
  return nil, errors.new("K1017", { name = name, detail = detail, next = "keel help case" })
end

--- Read the cases of a sequence in place of their names, which are files beside it.
local function read_sequence(value, path)
  for i, one in ipairs(value.sequence) do
    if type(one) == "string" then
      local folder = path:match "^(.*)/[^/]*$" or "."
      local beside = file.join(folder, one)
      if not file.exists(beside) and file.exists(beside .. ".json") then beside = beside .. ".json" end
      local part, err = case.read(beside)
      if not part then return nil, err end
      value.sequence[i] = part
    end
  end
  return true
end

--- The case in a file; or nil, err with the line of what is wrong. Fields that the format does
--- not know inside of its parts are no errors: `unknown` lists their paths, as nothing checks them.
function case.read(path)
  local text, message = file.read(path)
  if not text then return nil, errors.unreadable(path, message) end
  local unknown = json.array {}
  for _, one in ipairs(require("lint.cases").check(text, path)) do
    if one.level == "error" and one.unknown and one.path:find "^/.*/" then
      unknown[#unknown + 1] = one.path
    elseif one.level == "error" then
      one.next = "keel lint " .. path
      return nil, one
    end
  end
  local value = json.decode(text)
  value.unknown = unknown
  if value.sequence then
    local ok, err = read_sequence(value, path)
    if not ok then return nil, err end
  end
  return value
end

-- Parts: a case is one, a sequence has several --------------------------------------------

local function part_of(value)
  local agent, version = tostring(value.workflow):match "^(.-)@(%d+)$"
  local part = { case = value, agent = agent, version = math.tointeger(tonumber(version)), now = rfc3339.parse(value.now),
    config = value.config, tz = value.tz, prices = value.prices, owner = type(value.business) == "table" and value.business.owner or nil,
    events = json.array {} }
  if value.event then part.events[1] = { after_s = 0, event = value.event } end
  for _, list in ipairs { value.events or {}, value["then"] or {} } do
    for i, one in ipairs(list) do part.events[#part.events + 1] = one end
  end
  part.types = {}
  for _, one in ipairs(part.events) do
    if one.event then part.types[one.event.type] = true end
  end
  part.texts = homes.texts(value)
  return part
end

local function parts_of(value)
  local parts = {}
  for i, one in ipairs(value.sequence or { value }) do
    parts[i] = part_of(one)
    if not parts[i].now then return refuse(value.case, one.case .. ": /now is no time") end
  end
  return parts
end

--- The lists of all parts, one after the other; and the number of the part of each.
local function all_of(parts, name)
  local list, numbers = {}, {}
  for number, part in ipairs(parts) do
    for _, one in ipairs(part.case[name] or {}) do list[#list + 1], numbers[#numbers + 1] = one, number end
  end
  return list, numbers
end

-- One life of an engine ---------------------------------------------------------------------

local player = {}
player.__index = player

--- Chance is the same in each play: names of runs, pauses between tries, what a script throws.
local function chance_of(self)
  local at = self.world.at
  at.chances = (at.chances or 0) + 1
  return tonumber("0x" .. digest.sha256("case " .. at.chances):sub(1, 15))
end

local function open_engine(self)
  local part = self.part
  local e, err = engine.open { home = self.path, adapt = homes.settings(part, self.models, self.faults, self.home),
    library = function(library, opened)
      self.e = opened
      homes.library(part, part.types)(library)
      if part.texts then opened:memory().defaults.embed = homes.embedder(part.texts) end
      self.faults:taken_up(opened)
    end, clock = function() return self.world.at.now end,
    moment = self.kills and function(cmd, when, err) self.faults:moment(cmd, when, err) end or nil,
    chance = function() return chance_of(self) end,
    -- a pause that a server asked for takes its time; what is short is none
    sleep = function(ms) self.world.at.now = self.world.at.now + (ms >= 10000 and ms or 0) end,
    schedules = #part.events == 0 or nil }
  if not e then return nil, err end
  self.e = e
  return true
end

--- Whether an agent hears an event by itself.
local function hears(self, event)
  for _, on in ipairs(self.e.library.agents[self.part.agent].manifest.on) do
    if where.names(on.event, event.type) and where.matches(on.where, event.payload or {}) then return true end
  end
  return false
end

--- Fill what is there before, and plan what comes: once for each part.
local function begin_part(self)
  local at, part, e = self.world.at, self.part, self.e
  if at.begun == at.part then return true end
  local known, err = e:agent_named(part.agent)
  if not known then return nil, err end
  if known.manifest.version ~= part.version then
    return refuse(part.case.case, ("/workflow: agents/%s.lua is version %d, the case is for %d"):format(part.agent, known.manifest.version, part.version))
  end
  local common
  common, err = require("engine.bundle").shared(e, known)
  if not common then return nil, err end
  local ok
  ok, err = homes.fill_records(e, part.case.records, at.now)
  if ok then ok, err = homes.fill_memory(e, part.case.memory, at.now) end
  if not ok then return nil, err end
  for _, one in ipairs(part.events) do
    local after = one.after_s * 1000
    if one.event then self.world:add { at = at.now + after, event = one.event, address = not hears(self, one.event) or nil }
    elseif one.offline_s then self.world:add { at = at.now + after, offline = one.offline_s }
    else self.world:add { at = at.now + after, operator = one.operator, adapters = one.adapters } end
  end
  if at.part > 1 then self.people:begin_part(e, at.now) end
  at.before = {}
  for _, run in ipairs(e:list { agent = part.agent, limit = 100000 }) do at.before[run.run] = true end
  at.begun = at.part
  self.world:keep()
  return true
end

--- Runs of the workflow that this part started, oldest first.
local function own_runs(self)
  local list, all = {}, self.e:list { agent = self.part.agent, limit = 100000 }
  for i = #all, 1, -1 do
    if not self.world.at.before[all[i].run] then list[#list + 1] = all[i] end
  end
  return list
end

local at_work = { waiting = true, running = true, queued = true, needs_reconciliation = true }

--- The runs that the case waits for: its own that are not over, and those that they called;
--- by their numbers; nil when there are none.
local function waited_for(self, runs)
  local ids = {}
  for _, run in ipairs(runs) do
    if at_work[run.state] then ids[self.e:run_row(run.run).id] = true end
  end
  if not next(ids) then return nil end
  for _, run in ipairs(self.e:list { limit = 100000 }) do
    local row = at_work[run.state] and self.e:run_row(run.run)
    if row and row.parent and ids[row.parent] then ids[row.id] = true end
  end
  return ids
end

--- The time at which something that the case waits for is due.
local function next_due(self, runs)
  local e, due = self.e, self.e.bus_due
  local function consider(time)
    if time and (not due or time < due) then due = time end
  end
  if #self.part.events == 0 then consider(self.e:next_wake()) end
  local ids = waited_for(self, runs)
  if not ids then return due end
  for _, row in ipairs(e:rows("timer.due", { now = math.maxinteger, limit = 100000 })) do
    if ids[row.run] then consider(e:rows("timer.get", { run = row.run, seq = row.seq })[1].due) end
  end
  for _, row in ipairs(e:rows("approval.open", {})) do
    if ids[row.run_id] then consider(row.due) end
  end
  return due
end

-- What happens ----------------------------------------------------------------------------------

local inside = { schedule = true }

local function deliver(self, one)
  local e, event = self.e, one.event
  local known = one.under_way and e:rows("event.by_key", { type = event.type, key = event.key })[1]
  if not known then
    one.under_way = true
    self.world:keep()
    local got, err = e:emit(event.type, event.payload or json.decode "{}", { key = event.key,
      trust = inside[event.type] and "owner" or "external", agent = one.address and self.part.agent or nil })
    if not got then return nil, err end
  end
  self.world:take(one)
  return true
end

--- The machine is off for a while: what comes meanwhile is there when it is on again.
local function go_offline(self, one)
  self.e:close()
  self.world:take(one)
  self.world.at.now = self.world.at.now + one.offline * 1000
  for _, other in ipairs(self.world.at.coming) do
    if other.at < self.world.at.now then other.at = self.world.at.now end
  end
  self.world:keep()
  return open_engine(self)
end

--- What is held or let go: everything, an agent, or a run.
local function target_of(e, name)
  if name == nil or name == "all" or name == "everything" then return { all = true } end
  return e.library.agents[name] and { agent = name } or { run = name }
end

--- Give a run up, or all of an agent's that are not over.
local function cancel(e, name)
  if not e.library.agents[name] then return e:cancel(name or "", {}) end
  for _, row in ipairs(e:list { agent = name, limit = 100000 }) do
    local ok, err = true, nil
    if not row.ended then ok, err = e:cancel(row.run, {}) end
    if not ok then return nil, err end
  end
  return true
end

--- What an operator does, in the words of the command line.
local acts = {
  pause = function(e, name) return e:pause(target_of(e, name), {}) end,
  resume = function(e, name) return e:resume(target_of(e, name), {}) end,
  cancel = cancel,
  enable = function(e, name) return e:enable_agent(name or "", {}) end,
  disable = function(e, name) return e:disable_agent(name or "", {}) end,
}

--- "pause --agent NAME" -> "pause", "NAME"; "keel pause --all" -> "pause"
local function words_of(command)
  local words = {}
  for word in tostring(command):gsub("^keel%s+", ""):gmatch "%S+" do
    if not word:find "^%-%-" then words[#words + 1] = word end
  end
  return words[1], words[2]
end

local function operate(self, one)
  self.world:take(one)
  if one.adapters then
    self.world.at.adapters = one.adapters
    self.world:keep()
    self.part.adapters = one.adapters
    self.e:close()
    return open_engine(self)
  end
  local verb, name = words_of(one.operator)
  if verb == "recall" then
    for _, row in ipairs(self.e:approvals { limit = 1000 }) do
      if row.subject == name or row.id == name then return self.e:recall(row.id, {}) end
    end
  elseif acts[verb] then
    local ok, err = acts[verb](self.e, name)
    if not ok then self.world:differ("/then: operator " .. one.operator, "done", nil, err.message) end
    return true
  end
  table.insert(self.world.at.unchecked, "/then: operator " .. tostring(one.operator))
  return true
end

local function happen(self, one)
  local at = self.world.at
  at.now = math.max(at.now, one.at)
  if one.event then return deliver(self, one) end
  if one.offline then return go_offline(self, one) end
  if one.operator then return operate(self, one) end
  if one.answer then
    local ok, err = self.people:give(self.e, one, at.now)
    self.world:take(one)
    return ok, err
  end
  self.e:set_timer()
  return true
end

--- What is next: something of the world's, or a timer; nil when the case is over.
local function next_thing(self, runs)
  local coming, due = self.world:next(), next_due(self, runs)
  if not coming and not due then return nil end
  local timer = self.e:next_wake()
  if self.e.bus_due and (not timer or self.e.bus_due < timer) then timer = self.e.bus_due end
  if coming and (not timer or coming.at <= timer) and (not due or coming.at <= due) then return coming end
  return { at = math.min(timer or due, due or timer) }
end

local function play_part(self, each)
  for _ = 1, most_turns do
    local ok, err = self.e:drain()
    if not ok then return nil, err end
    self.people:look(self.e, self.world.at.now)
    local runs = own_runs(self)
    if runs[1] and self.world.at.runs[self.world.at.part] == nil then self.world.at.runs[self.world.at.part] = runs[1].run end
    if each and runs[1] then each(self.e, runs[1].run) end
    local one = next_thing(self, runs)
    if not one then return true end
    ok, err = happen(self, one)
    if not ok then return nil, err end
  end
  return refuse(self.value.case, ("it does not come to an end: %d times something was due"):format(most_turns))
end

--- The commands of all runs, as faults name them (case/faults.lua): each with its agent, the
--- number of its run among the agent's, and its own; oldest first. `calls`: what was asked of models.
local function commands_of(e)
  local runs, list, count = e:list { limit = 100000 }, json.array {}, {}
  for _, run in ipairs(runs) do run.id = e:run_row(run.run).id end
  table.sort(runs, function(a, b) return a.id < b.id end)
  for _, run in ipairs(runs) do
    count[run.agent] = (count[run.agent] or 0) + 1
    for _, step in ipairs(e:log(run.run) or {}) do
      list[#list + 1] = { agent = run.agent, number = count[run.agent], seq = step.seq, kind = step.kind, name = step.name, effect = step.effect,
        state = step.state, calls = e:rows("ledger.attempts", { run = run.run, seq = step.seq })[1].n }
    end
  end
  return list
end

--- What is told of a case that was played.
local function tell(self)
  local at = self.world.at
  local id = at.runs[#self.parts]
  local run = id and self.e:describe(id) or nil
  local told = { case = self.value.case, agent = self.part.agent, run = run, log = id and self.e:log(id) or json.array {},
    differences = at.differences }
  told.unchecked = json.array {}
  for _, path in ipairs(self.value.unknown or {}) do table.insert(told.unchecked, path) end
  for _, path in ipairs(at.unchecked) do table.insert(told.unchecked, path) end
  if not run then
    local dead = self.e:event_list { state = "dead", limit = 1 }[1]
    local why = dead and dead.deliveries[1] and dead.deliveries[1].reason
    self.world:differ("/event", "a run", nil, type(why) == "table" and why.message or "no run of " .. self.part.agent .. " was started")
  end
  expect.check(self, told)
  told.snapshot = snapshot.of(self, told.ledger)
  told.commands, told.killed, told.asked = commands_of(self.e), at.killed, 0
  for _, one in ipairs(at.questions) do told.asked = told.asked + (one.of_kill and 1 or 0) end
  for _, i in ipairs(self.models:left()) do table.insert(told.unchecked, ("/model/%d was not asked for"):format(i - 1)) end
  for _, i in ipairs(self.people:left()) do table.insert(told.unchecked, ("/human/%d was not asked for"):format(i - 1)) end
  for _, i in ipairs(self.faults:left()) do table.insert(told.unchecked, ("/faults/%d did not come about"):format(i - 1)) end
  return told
end

--- Whether the effect that a question is about is there in the world outside. Where it is not,
--- it is tried anew, and the world is to it as it was.
local function look_outside(self, item)
  local asked = item.proposal
  for line in (file.read(file.join(self.path, "var", "outbox.jsonl")) or ""):gmatch "([^\n]+)\n" do
    local row = json.decode(line)
    if row.adapter == asked.adapter and row.op == asked.op and row.key == asked.key then return true end
  end
  self.faults:again(("%s/%s"):format(item.run, item.seq))
  return false
end

local function die()
  os.execute "kill -9 $PPID"
  while true do clock.now_ms() end
end

--- Play on from where the world is, to the end. Returns what is told, or nil, err.
local function live(self, each)
  self.world = world.load(self.path) or world.begin(self.path, self.parts[1].now)
  local list, numbers = all_of(self.parts, "faults")
  self.faults = faults.new(self.world, list, numbers, die, self.kill)
  list, numbers = all_of(self.parts, "human")
  self.people = people.new(self.world, list, numbers, function(item) return look_outside(self, item) end)
  list, numbers = all_of(self.parts, "model")
  self.models = models.new(self.world, list, numbers, self.faults, function() return self.e end, not self.value.expect or self.value.expect.ledger ~= nil)
  local told
  for i = self.world.at.part, #self.parts do
    self.part, self.world.at.part = self.parts[i], i
    self.part.adapters = self.world.at.adapters
    self.world.at.now = math.max(self.world.at.now, self.part.now)
    local ok, err = open_engine(self)
    if ok then ok, err = begin_part(self) end
    if ok then ok, err = play_part(self, each) end
    if ok and i == #self.parts then told = tell(self) end
    if self.e then self.e:close() end
    if not ok then return nil, err end
  end
  return told
end

-- Playing ------------------------------------------------------------------------------------------

local function kill_file(path) return file.join(path, "var", "kill.json") end
local function result_file(path) return file.join(path, "var", "told.json") end

local function new_player(home, value, path)
  local parts, err = parts_of(value)
  if not parts then return nil, err end
  local kill = file.read(kill_file(path))
  local self = setmetatable({ home = home, value = value, parts = parts, path = path, kill = kill and json.decode(kill) }, player)
  self.kills = self.kill ~= nil
  for _, one in ipairs(all_of(parts, "faults")) do self.kills = self.kills or one.kind == "kill9" end
  return self
end

--- One life of a case that is played in several: called in a process that may be killed.
function case.live(home, value, path)
  local self, err = new_player(home, value, path)
  local told
  if self then told, err = live(self) end
  local text = json.encode(told or { failure = errors.json(err).error })
  return file.write(result_file(path), assert(text))
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Let processes play it, one after the other, until one comes to the end.
local function live_often(home, value, path, source)
  local me = assert(file.link "/proc/self/exe")
  local command = ("KEEL_CASE_LIFE=%s exec %s case --home %s %s 2>&1"):format(quoted(path), quoted(me), quoted(home), quoted(source))
  for _ = 1, most_lives do
    local pipe = assert(io.popen(command))
    local said = pipe:read "a"
    local _, how, code = pipe:close()
    local text = file.read(result_file(path))
    local told = text and json.decode(text)
    if told and told.failure then return refuse(value.case, tostring(told.failure.number) .. " " .. tostring(told.failure.message)) end
    if told then return told end
    if not (how == "signal" and code == 9) then
      return refuse(value.case, ("the engine ended by itself (%s %s): %s"):format(how, code, said))
    end
  end
  return refuse(value.case, ("the engine was killed %d times"):format(most_lives))
end

--- Play a case with the sources of a home.
-- @param value    of case.read
-- @param options  file (where it was read), each(engine, run id), called whenever it comes to
--   a rest; keep (the folder that it was played in); kill, { at, when }: where the engine is
--   killed beside what the case itself says
-- @return { case, agent, run (as `keel run` tells it), log, commands, ledger, snapshot, differences
--   = { { path, expected, got, why? } }, unchecked = { path }, killed?, asked }; or nil, err
function case.play(home, value, options)
  local folder = "var/dev/" .. digest.make_id("case", clock.now_ms(), clock.random())
  local path, err = trial.prepare(home, folder)
  if not path then return nil, err end
  if options.kill then assert(file.write(kill_file(path), assert(json.encode(options.kill)))) end
  local self
  self, err = new_player(home, value, path)
  local told
  if self and self.kills and not options.file then
    told, err = refuse(value.case, "/faults: a case that kills the engine is played from a file, by processes of its own")
  elseif self and self.kills then
    told, err = live_often(home, value, path, options.file)
  elseif self then
    told, err = live(self, options.each)
  end
  if options.keep then
    if told then told.folder = folder end
  else
    homes.remove(path)
  end
  return told, err
end

return case
