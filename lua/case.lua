--- A case file (spec/cases/case.schema.json) that is played: what is there before, what
--- comes, what models and people say, and what must be so at the end.
--
--   local value = assert(case.read "case.json")
--   local told = assert(case.play(home, value, {}))
--   #told.differences == 0        -- it holds
--
-- It is played in var/dev/case, a home beside the home with the same sources and a store of
-- its own, empty before. Its clock stands, and goes on to what is next: a timer, an answer
-- that somebody gives, an event. Nothing leaves it.
local engine = require "engine"
local errors = require "errors"
local expect = require "case.expect"
local file = require "file"
local json = require "json"
local rfc3339 = require "rfc3339"
local trial = require "dev.trial"

local case = {}

-- Reading ---------------------------------------------------------------------------------

--- nano-USD a token, where a case names no prices (the tiers of the acceptance cases).
local usual_prices = { small = { ["in"] = 200, out = 800 }, large = { ["in"] = 3000, out = 15000 }, embed = { ["in"] = 0, out = 0 } }

local function refuse(path, detail)
  return nil, errors.new("K1017", { name = path, detail = detail, next = "keel help dev" })
end

--- What a case may hold and a trial does not play: said, never passed over.
local function not_played(value)
  if value.sequence then return "/sequence: cases that follow each other are not played in a trial" end
  if value.faults and #value.faults > 0 then return "/faults: nothing goes wrong on purpose in a trial" end
  for _, part in ipairs { "events", "then" } do
    for i, one in ipairs(value[part] or {}) do
      if not one.event then return ("/%s/%d: only events come later in a trial"):format(part, i - 1) end
    end
  end
  for i, one in ipairs(value.human or {}) do
    if one.action == "recall" or one.action == "snooze" then
      return ("/human/%d/action: a trial does not %s"):format(i - 1, one.action)
    end
  end
end

--- The case in a file; or nil, err with the line of what is wrong.
function case.read(path)
  local text, message = file.read(path)
  if not text then return nil, errors.unreadable(path, message) end
  for _, one in ipairs(require("lint.cases").check(text, path)) do
    if one.level == "error" then
      one.next = "keel lint " .. path
      return nil, one
    end
  end
  local value = json.decode(text)
  local detail = not_played(value)
  if detail then return refuse(path, detail) end
  return value
end

-- Before the run ----------------------------------------------------------------------------

--- The settings of config.lua, as the case would have them.
local function adapt(value, agent)
  return function(settings)
    trial.keep_inside(settings)
    settings.zone = value.tz or settings.zone
    local own = {}
    for key, one in pairs(value.config or {}) do
      if key ~= "budget" then own[key] = one end
    end
    settings.agents[agent] = own
  end
end

--- Records of a type are a list of objects, each under its id; a plain value is under the
--- name of its type.
local function fill_records(e, records, now)
  local tx = e.store:tx()
  local function put(kind, key, one) tx:add("record.put", { type = kind, key = tostring(key), value_json = one, now = now }) end
  for kind, list in pairs(records or {}) do
    if type(list) ~= "table" or not json.is_list(list) and next(list) ~= nil then
      put(kind, kind, list)
    else
      for i, one in ipairs(list) do put(kind, type(one) == "table" and (one.id or one.key) or i, one) end
    end
  end
  return e:commit(tx)
end

local function fill_memory(e, items, now)
  local list = {}
  for i, one in ipairs(items or {}) do
    list[i] = { layer = one.layer, kind = one.kind, key = one.key, text = one.text, value = one.value, importance = one.importance,
      time = one.created, ttl = one.ttl_s and one.ttl_s * 1000 or nil, now = one.created and rfc3339.parse(one.created) or now }
  end
  if #list > 0 then return e:memory():remember_all(list) end
  return true
end

-- What models and people say ------------------------------------------------------------------

local function tier_of(self, cmd)
  if cmd.kind == "model" then return cmd.args.tier end
  local skill = self.e.library.skills[cmd.name]
  return skill and skill.manifest.model and skill.manifest.model.tier
end

--- The next scripted reply; another one than was asked for is a difference.
local function answer(self, cmd)
  self.asked = self.asked + 1
  local one = (self.value.model or {})[self.asked]
  local tier, skill = tier_of(self, cmd), cmd.kind == "skill" and cmd.name or nil
  if not one or one.tier ~= tier or skill and one.skill ~= skill then
    self.differences[#self.differences + 1] = { path = "/model/" .. self.asked - 1, expected = one and { skill = one.skill, tier = one.tier } or json.null,
      got = { skill = skill, tier = tier }, why = "this was asked" }
    return nil, { code = "not_scripted", message = "the case has no reply to this" }
  end
  local usage, price = one.usage or { ["in"] = 0, out = 0 }, (self.value.prices or usual_prices)[tier] or usual_prices[tier]
  local nano = usage["in"] * price["in"] + usage.out * price.out
  local ledger = self.ledger
  ledger.calls, ledger["in"], ledger.out, ledger.nano_usd = ledger.calls + 1, ledger["in"] + usage["in"], ledger.out + usage.out, ledger.nano_usd + nano
  cmd.cost = nano * 1000
  if one.error then return nil, { code = one.error, message = one.error } end
  return one.reply
end

local answers = { done = "happened", not_done = "not_happened", undo = "undo", abandon = "abandon" }

local function means(one, item)
  local name = one.action == "answer" and one.question:match "^reconcile:(.*)$" or one.approval
  if (one.action == "answer") ~= (item.kind ~= "approval") then return false end
  local subject = item.subject or ""
  return name == nil or name == subject or subject:sub(1, #name + 1) == name .. ":" or item.kind ~= "approval" and subject:find(name, 1, true) ~= nil
end

--- Take note of questions that are new: each is given the first answer that means it.
local function look_at_questions(self)
  for _, item in ipairs(self.e:inbox()) do
    if not self.seen[item.id] then
      self.seen[item.id] = item
      self.questions[#self.questions + 1] = item
      for i, one in ipairs(self.value.human or {}) do
        if not self.used[i] and means(one, item) then
          self.used[i] = true
          if one.action ~= "none" and one.after_s ~= -1 then
            table.insert(self.coming, { at = self.now + (one.after_s or 0) * 1000, item = item, answer = one })
          end
          break
        end
      end
    end
  end
end

local function give(self, item, one)
  if one.action == "answer" then return self.e:reconcile(item.id, { answer = answers[one.value], note = one.note }) end
  local state = one.action == "approve" and "approved" or one.action == "edit" and "edited" or "rejected"
  return self.e:decide(item.id, { state = state, value = one.edit, note = one.note })
end

-- Playing ---------------------------------------------------------------------------------------

--- What comes next, taken out of what is coming: a thing, or the time of a timer.
local function next_thing(self)
  local first
  for i, one in ipairs(self.coming) do
    if not first or one.at < self.coming[first].at then first = i end
  end
  local timer = self.e:next_wake()
  if first and (not timer or self.coming[first].at <= timer) then return table.remove(self.coming, first) end
  return timer and { at = timer } or nil
end

local function happen(self, one)
  self.now = math.max(self.now, one.at)
  if one.event then return self.e:emit(one.event.type, one.event.payload or {}, { key = one.event.key }) end
  -- an item that expired in the meantime cannot be answered any more, and need not be
  if one.item then return give(self, one.item, one.answer) or true end
  self.e:set_timer()
  return true
end

local function play(self, agent, each)
  local e, value = self.e, self.value
  local event = value.event or {}
  local run, err = e:start(agent, event.payload or {}, { key = event.key })
  if not run then return nil, err end
  while true do
    local ok
    ok, err = e:drain()
    if not ok then return nil, err end
    look_at_questions(self)
    if each then each(e, run.run) end
    local over = e:describe(run.run).state ~= "waiting" and #self.coming == 0
    local one = not over and next_thing(self)
    if not one then return run end
    ok, err = happen(self, one)
    if not ok then return nil, err end
  end
end

local function begin(self, home, agent, version)
  local path, err = trial.prepare(home, "var/dev/case")
  if not path then return nil, err end
  trial.clear(path)
  self.path = path
  self.e, err = engine.open { home = path, adapt = adapt(self.value, agent), answer = function(cmd) return answer(self, cmd) end,
    clock = function() return self.now end }
  if not self.e then return nil, err end
  local known
  known, err = self.e:agent_named(agent)
  if not known then return nil, err end
  if known.manifest.version ~= version then
    return refuse(self.value.case, ("/workflow: agents/%s.lua is version %d, the case is for %d"):format(agent, known.manifest.version, version))
  end
  local ok, message, code = fill_records(self.e, self.value.records, self.now)
  if ok then ok, message, code = fill_memory(self.e, self.value.memory, self.now) end
  if not ok then return nil, errors.from(message, code) end
  return true
end

--- Play a case with the sources of a home.
-- @param value    of case.read
-- @param options  each(engine, run id), called whenever it comes to a rest
-- @return { case, agent, run (as `keel run` tells it), log, ledger, differences = { { path,
--   expected, got, why? } }, unchecked = { path } }; or nil, err
function case.play(home, value, options)
  local agent, version = value.workflow:match "^(.-)@(%d+)$"
  local self = { value = value, now = rfc3339.parse(value.now), asked = 0, ledger = { calls = 0, ["in"] = 0, out = 0, nano_usd = 0 },
    differences = json.array {}, seen = {}, used = {}, questions = {}, coming = {} }
  if not self.now then return refuse(value.case, "/now is no time") end
  for _, part in ipairs { "events", "then" } do
    for _, one in ipairs(value[part] or {}) do table.insert(self.coming, { at = self.now + one.after_s * 1000, event = one.event }) end
  end
  local ok, err = begin(self, home, agent, math.tointeger(tonumber(version)))
  local run
  if ok then run, err = play(self, agent, options.each) end
  local told
  if run then
    told = { case = value.case, agent = agent, run = self.e:describe(run.run), log = self.e:log(run.run), ledger = self.ledger,
      differences = self.differences }
    told.unchecked = expect.check(self, told)
  end
  if self.e then self.e:close() end
  return told, err
end

return case
