--- What a case has go wrong: where, when, and how often.
--
-- `at` names a step: of the workflow (`draft_invoice`), an effect (`billing.draft`, with its key
-- behind it or not), a skill, the subject of an approval, or a command by its number (`#12`). `kill9` ends the process as
-- kill -9 does, at that moment; the other kinds are answers of the world outside.
local faults = {}
faults.__index = faults

--- `die()` does not return.
function faults.new(world, list, die)
  return setmetatable({ world = world, list = list or {}, die = die }, faults)
end

local function left(self, i) return (self.list[i].times or 1) - (self.world.at.faults_met[tostring(i)] or 0) end

local function met(self, i)
  self.world.at.faults_met[tostring(i)] = (self.world.at.faults_met[tostring(i)] or 0) + 1
  self.world:keep()
end

local function is_named(at, names)
  for _, name in ipairs(names) do
    if name == at or at:byte() ~= 35 and name:sub(1, #at + 1) == at .. "_" or name:sub(1, #at + 1) == at .. ":" or name:sub(1, #at + 1) == at .. " " then return true end
  end
  return false
end

--- What a command may be called in a case.
local function names_of(cmd)
  local names = { cmd.name, cmd.kind, "#" .. cmd.seq }
  local args = type(cmd.args) == "table" and cmd.args or {}
  if cmd.kind == "skill" and type(args.op) == "string" then
    names[#names + 1] = ("%s.%s %s"):format(cmd.name, args.op, tostring(args.key))
    if type(args.key) == "string" then names[#names + 1] = args.key end
  end
  if cmd.kind == "approve" then names[#names + 1] = "approve_" .. cmd.name:match "^[^:]*" end
  for _, name in ipairs(cmd:in_memory() and cmd.run.handle:inside(cmd.seq) or {}) do names[#names + 1] = name end
  return names
end

--- The number of a fault that is meant, of these kinds, at this moment.
local function find(self, names, fits)
  for i, one in ipairs(self.list) do
    if left(self, i) > 0 and fits(one) and is_named(one.at, names) then return i end
  end
end

-- ---- kill -9 ---------------------------------------------------------------------------

local function kill(self, i)
  met(self, i)
  self.die()
end

--- A step of script alone asks nothing of the engine: it is known by its record.
local function behind_a_step(self, cmd)
  for i, one in ipairs(self.list) do
    if one.kind == "kill9" and left(self, i) > 0 then
      for _, step in ipairs(cmd.engine:log(cmd.run.run) or {}) do
        if step.kind == "step" and step.state == "done" and is_named(one.at, { step.name }) then return kill(self, i) end
      end
    end
  end
end

--- Told by the engine where a command stands (engine/commands.lua).
function faults:moment(cmd, when)
  local any = false
  for i, one in ipairs(self.list) do any = any or one.kind == "kill9" and left(self, i) > 0 end
  if not any then return end
  local names = names_of(cmd)
  local i = find(self, names, function(one)
    if one.kind ~= "kill9" then return false end
    local wanted = one.when or "after_effect"
    return wanted == when or wanted == "during" and when == "after_effect"
  end)
  if i then return kill(self, i) end
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
  local names = names_of(cmd)
  names[#names + 1] = ("%s.%s %s"):format(cmd.name, op, key)
  names[#names + 1] = key
  local i = find(self, names, function(one)
    if one.kind == "kill9" then return false end
    local wanted = one.when or (happened[one.kind] and "after_effect" or "before_effect")
    if wanted == "during" then wanted = "before_effect" end
    return wanted == when
  end)
  if not i then return nil end
  met(self, i)
  local like, err = answers[self.list[i].kind], {}
  for field, value in pairs(like) do err[field] = value end
  -- what surely did not happen is known not to have
  if when == "before_effect" and self.list[i].kind ~= "timeout" then err.unknown, err.retry = nil, true end
  return err
end

-- ---- models -------------------------------------------------------------------------------

--- The kind of fault that a call of a model meets, or nil.
function faults:of_model(names, tier)
  local i = find(self, { tier, table.unpack(names) }, function(one) return one.kind ~= "kill9" end)
  if not i then return nil end
  met(self, i)
  return self.list[i].kind
end

--- The faults that never came about.
function faults:left()
  local list = {}
  for i in ipairs(self.list) do
    if left(self, i) == (self.list[i].times or 1) then list[#list + 1] = i end
  end
  return list
end

return faults
