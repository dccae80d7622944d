--- What a case has go wrong: where, when, and how often.
--
-- `at` names a step of the workflow (`draft_invoice`), an effect (`billing.draft`, with its key
-- behind it or not), a skill, the subject of an approval, or a command by its number: `#12` of
-- any run, `remind_later/2#12` of the second run of an agent. `kill9` ends the process as
-- kill -9 does, at that moment; the other kinds are answers of the world outside.
--
-- Who asks again because the engine died before an answer was kept gets the same answer: what
-- went wrong then goes wrong again, and counts once.
local json = require "json"

local faults = {}
faults.__index = faults

--- `die()` does not return. `parts`: of which part of a sequence each is, and comes about in no
--- other. `kill`, where the case is killed beside what it says itself: { at, when, or_later? }.
function faults.new(world, list, parts, die, kill)
  local all = table.move(list, 1, #list, 1, {})
  if kill then all[#all + 1] = { at = kill.at, when = kill.when, kind = "kill9", beside = true, or_later = kill.or_later } end
  return setmetatable({ world = world, list = all, parts = parts, die = die, unkept = {} }, faults)
end

local function met_so_far(self, i) return self.world.at.faults_met[tostring(i)] or 0 end

local function left(self, i) return (self.list[i].times or 1) - met_so_far(self, i) end

--- Whether it can come about now.
local function is_due(self, i) return left(self, i) > 0 and (self.list[i].beside or self.parts[i] == self.world.at.part) end

--- `place`: the command that met it ("run_1/12").
local function met(self, i, place)
  self.world.at.faults_met[tostring(i)] = met_so_far(self, i) + 1
  if place then
    local all = self.world.at.met_at
    self.unkept[place], all[place] = self.unkept[place] or {}, all[place] or json.array {}
    table.insert(self.unkept[place], i)
    table.insert(all[place], i)
  end
  self.world:keep()
end

--- It can come about again at that place.
local function give_back(self, i, place)
  local at = self.world.at
  at.faults_met[tostring(i)] = met_so_far(self, i) - 1
  for n, one in ipairs(at.met_at[place]) do
    if one == i then return table.remove(at.met_at[place], n) end
  end
end

--- What did not happen is done again from its first try on, and meets what it met.
function faults:again(place)
  local list = self.world.at.met_at[place] or {}
  for n = #list, 1, -1 do give_back(self, list[n], place) end
end

local function is_named(at, names)
  for _, name in ipairs(names) do
    if name == at or at:byte() ~= 35 and name:sub(1, #at + 1) == at .. "_" or name:sub(1, #at + 1) == at .. ":" or name:sub(1, #at + 1) == at .. " " then return true end
  end
  return false
end

--- Which run of its agent it is, from 1.
local function number_of(e, run)
  local n = 0
  for _, one in ipairs(e:list { agent = run.agent, limit = 100000 }) do
    if e:run_row(one.run).id <= run.id then n = n + 1 end
  end
  return n
end

--- What a command may be called in a case by itself.
local function own_names(self, cmd)
  local names = { cmd.name, cmd.kind, "#" .. cmd.seq }
  for _, one in ipairs(self.list) do
    local agent, number, seq = one.at:match "^(.+)/(%d+)#(%d+)$"
    seq = math.tointeger(tonumber(seq))
    if agent == cmd.run.agent and (seq == cmd.seq or one.or_later and seq < cmd.seq) and number_of(cmd.engine, cmd.run) == tonumber(number) then
      names[#names + 1] = one.at
    end
  end
  local args = type(cmd.args) == "table" and cmd.args or {}
  if cmd.kind == "skill" and type(args.op) == "string" then
    names[#names + 1] = ("%s.%s %s"):format(cmd.name, args.op, tostring(args.key))
    if type(args.key) == "string" then names[#names + 1] = args.key end
  end
  if cmd.kind == "approve" then names[#names + 1] = "approve_" .. cmd.name:match "^[^:]*" end
  return names
end

--- The steps around it.
local function steps_around(cmd) return cmd:in_memory() and cmd.run.handle:inside(cmd.seq) or {} end

local function names_of(self, cmd)
  local names = own_names(self, cmd)
  for _, name in ipairs(steps_around(cmd)) do names[#names + 1] = name end
  return names
end

--- The number of a fault that is meant, of these kinds, at this moment.
local function find(self, names, fits)
  for i, one in ipairs(self.list) do
    if is_due(self, i) and fits(one) and is_named(one.at, names) then return i end
  end
end

-- ---- kill -9 ---------------------------------------------------------------------------

local function kill(self, i, e)
  local at, begun = self.world.at, 0
  for _, run in pairs(e.active) do
    for _ in pairs(run.pending) do begun = begun + 1 end
  end
  at.died = { unkept = self.unkept, beside = self.list[i].beside }
  if self.list[i].beside then at.killed = { at_once = begun > 1 } end
  met(self, i)
  self.die()
end

--- Nobody but the owner can tell whether an effect happened that was on its way, of an adapter
--- whose op is `at_most_once`; what waits for its next try, an approval or an answer is on no way.
local function is_blind(e, id, step)
  if step.kind ~= "skill" or step.effect ~= "at_most_once" or not e.settings.adapters[step.name] then return false end
  local place = { run = id, seq = step.seq }
  local question, approval = e:rows("approval.question", place)[1], e:rows("approval.gate", place)[1]
  if question and (question.state == "open" or not question.delivered) then return false end
  if approval and not approval.spent then return false end
  return e:rows("timer.get", place)[1] == nil
end

--- The engine is there again, and goes on with nothing yet: only now is it known what was
--- still kept when it died, for the store may have been at it.
function faults:taken_up(e)
  local at, kept, at_work, blind = self.world.at, {}, {}, {}
  local died = at.died
  if not died then return end
  for _, run in ipairs(e:list { limit = 100000 }) do
    local row = e:run_row(run.run)
    at_work[run.run] = not row.ended
    for _, step in ipairs(not row.ended and e:log(run.run) or {}) do
      local place = run.run .. "/" .. step.seq
      if step.state ~= "waiting" then kept[place] = true
      elseif is_blind(e, row.id, step) then blind[place] = true end
    end
  end
  for place, list in pairs(died.unkept) do
    local again = at_work[place:match "^[^/]*"] and not kept[place]
    for _, fault in ipairs(again and list or {}) do give_back(self, fault, place) end
  end
  if died.beside then at.killed.blind = blind end
  at.died = nil
  self.world:keep()
end

--- A step of script alone asks nothing of the engine: it is known by its record.
local function behind_a_step(self, cmd)
  for i, one in ipairs(self.list) do
    if one.kind == "kill9" and is_due(self, i) then
      for _, step in ipairs(cmd.engine:log(cmd.run.run) or {}) do
        if step.kind == "step" and step.state == "done" and is_named(one.at, { step.name }) then return kill(self, i, cmd.engine) end
      end
    end
  end
end

local effects = { idempotent = true, at_most_once = true, ["local"] = true }
local deeds = { model = true, emit = true, atomic = true, call = true, approve = true, sleep = true, wait = true }

--- Whether a command does something, and does not only look or reckon.
local function changes(cmd) return effects[cmd.effect] or deeds[cmd.kind] or false end

--- Told by the engine where a command stands (engine/commands.lua).
function faults:moment(cmd, when, err)
  if err ~= nil and self.world.at.given[cmd.key] then self.world.at.given_up[cmd.key] = true end
  -- what it waits behind is in the store
  if when ~= "after_effect" then self.unkept[cmd.key] = nil end
  local any = false
  for i, one in ipairs(self.list) do any = any or one.kind == "kill9" and is_due(self, i) end
  if not any then return end
  local function fits(one)
    if one.kind ~= "kill9" then return false end
    local wanted = one.when or "after_effect"
    return wanted == when or wanted == "during" and when == "after_effect"
  end
  -- the effect of a step is not what it reads before
  local i = find(self, own_names(self, cmd), fits) or (when ~= "after_effect" or changes(cmd)) and find(self, steps_around(cmd), fits)
  if i then return kill(self, i, cmd.engine) end
  if when == "before_effect" and cmd.run.handle:tail() then behind_a_step(self, cmd) end
end

-- ---- adapters -----------------------------------------------------------------------------

local answers = {
  http_503 = { code = "server_error", message = "503 Service Unavailable", retry = true },
  rate_limit = { code = "rate_limited", message = "429 Too Many Requests", retry = true, after_ms = 20000 },
  timeout = { code = "timeout", message = "no answer came in time", unknown = true },
  lost_ack = { code = "connection_lost", message = "the connection was lost before the answer came", unknown = true },
  bad_json = { code = "bad_response", message = "the answer is no JSON", unknown = true },
}

--- Whether the effect happened although no answer came.
local happened = { lost_ack = true, timeout = false, bad_json = true }

--- What goes wrong with an effect at this moment: err, or nil.
function faults:of_effect(cmd, op, key, when)
  local names = names_of(self, cmd)
  names[#names + 1] = ("%s.%s %s"):format(cmd.name, op, key)
  names[#names + 1] = key
  local i = find(self, names, function(one)
    if one.kind == "kill9" then return false end
    local wanted = one.when or (happened[one.kind] and "after_effect" or "before_effect")
    if wanted == "during" then wanted = "before_effect" end
    return wanted == when
  end)
  if not i then return nil end
  met(self, i, cmd.key)
  local like, err = answers[self.list[i].kind], {}
  for field, value in pairs(like) do err[field] = value end
  -- what surely did not happen is known not to have
  if when == "before_effect" and self.list[i].kind ~= "timeout" then err.unknown, err.retry = nil, true end
  return err
end

-- ---- models -------------------------------------------------------------------------------

--- The kind of fault that a call of a model meets, or nil. `place`: the command that asks.
function faults:of_model(names, tier, place)
  local i = find(self, { tier, table.unpack(names) }, function(one) return one.kind ~= "kill9" end)
  if not i then return nil end
  met(self, i, place)
  return self.list[i].kind
end

--- The faults that never came about.
function faults:left()
  local list = {}
  for i, one in ipairs(self.list) do
    if not one.beside and left(self, i) == (one.times or 1) then list[#list + 1] = i end
  end
  return list
end

return faults
