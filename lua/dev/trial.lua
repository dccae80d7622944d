--- A home beside the home, to try edits in: the same sources, a copy of what was learned,
--- and no way to the outside.
--
-- var/dev is a home of its own whose agents/, skills/ and config.lua are links to the real
-- ones. Its store begins as a copy of the real memory and records; adapters write to its
-- own outbox; models are answered by what recorded runs were answered, or not at all; time
-- that a run sleeps is skipped.
local clock = require "core.clock"
local digest = require "core.digest"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local json = require "json"
local store = require "store"

local trial = {}
trial.__index = trial

--- Runs whose answers are looked at.
local most_runs = 50

local function link(path, target)
  if file.link(path) == target then return true end
  os.remove(path)
  return file.symlink(target, path)
end

--- A home below the home, such as var/dev, whose sources are links to the real ones. Returns
--- its path, or nil, err.
function trial.prepare(home, folder)
  local path, up = file.join(home, folder), folder:gsub("[^/]+", "..")
  local ok, message, code = file.mkdir(file.join(path, "var"))
  for _, name in ipairs { "config.lua", "agents", "skills" } do
    if ok then ok, message, code = link(file.join(path, name), up .. "/" .. name) end
  end
  if not ok then return nil, errors.from(message, code) end
  return path
end

--- Take away what an earlier trial left in its home: store and outbox.
function trial.clear(path)
  for _, name in ipairs { "keel.db", "keel.db-wal", "keel.db-shm", "outbox.jsonl" } do os.remove(file.join(path, "var", name)) end
end

local function fresh_store(home, path)
  trial.clear(path)
  local at, from = file.join(path, "var", "keel.db"), file.join(home, "var", "keel.db")
  if not file.exists(from) then return true end
  local ok, message, code = store.copy(from, at, true)
  if not ok then return nil, errors.from(message, code, { name = from }) end
  return true
end

-- ---- what models said -------------------------------------------------------------------

local function key_of(kind, name, args) return digest.sha256(json.pack { kind, name, args }) end

--- Take the answers of models from the log of a run.
local function learn(self, log)
  for _, step in ipairs(log or {}) do
    if (step.kind == "model" or step.kind == "skill") and step.state == "done" then
      self.answers[key_of(step.kind, step.name, step.args)] = { step.result }
    end
  end
end

--- Those of recorded runs; read when a model is first asked.
local function recorded_answers(self)
  local e = self.look
  self.read_recorded = true
  for _, run in ipairs(e and e:list { limit = most_runs } or {}) do learn(self, (e:log(run.run))) end
end

--- What a model says in a trial: what it said to the same before.
local function answer(self, cmd)
  if not self.read_recorded then recorded_answers(self) end
  local known = self.answers[key_of(cmd.kind, cmd.name, cmd.args)]
  if known then
    self.reused = self.reused + 1
    return known[1]
  end
  return nil, { code = "not_live", message = "a trial asks no model, and no recorded run asked the same (keel run does)" }
end

-- ---- opening -------------------------------------------------------------------------------

--- Nothing of a trial leaves the house, and nothing comes in.
function trial.keep_inside(settings)
  for name in pairs(settings.adapters) do settings.adapters[name] = { use = "outbox" } end
  settings.inbox = {}
end

local function adapt(home)
  return function(settings)
    trial.keep_inside(settings)
    settings.home = home
  end
end

local function open_look(home)
  if not file.exists(file.join(home, "var", "keel.db")) then return nil end
  return (engine.look { home = home })
end

--- Open a trial of a home. options: real_time. Returns it: { e (its engine), look (the real
--- home's store, to look at; may be nil), path, reused (answers of models) }; or nil, err.
function trial.open(home, options)
  local path, err = trial.prepare(home, "var/dev")
  if not path then return nil, err end
  local self = setmetatable({ home = home, path = path, answers = {}, reused = 0, ahead_ms = 0, real_time = options.real_time }, trial)
  local held, message, code = store.open(file.join(path, "var", "keel.db")) -- another trial has it?
  if code == "locked" then return nil, errors.new("K1101", { name = path, detail = message }) end
  if held then held:close() end
  local ok
  ok, err = fresh_store(home, path)
  if not ok then return nil, err end
  self.e, err = engine.open { home = path, adapt = adapt(home), answer = function(cmd) return answer(self, cmd) end,
    clock = function() return clock.now_ms() + self.ahead_ms end, on_log = options.on_log }
  if not self.e then return nil, err end
  self.look = open_look(home)
  return self
end

-- ---- running ---------------------------------------------------------------------------------

--- Skip what a run sleeps: the clock goes ahead to its next timer. Returns how long, in ms,
--- or nil when nothing sleeps.
function trial:skip()
  local due = not self.real_time and self.e:next_wake()
  local ms = due and due - self.e.clock()
  if not ms then return nil end
  self.ahead_ms = self.ahead_ms + math.max(ms, 0)
  self.e:set_timer()
  return ms
end

--- Keep what models said in a run of the trial.
function trial:learn(log) learn(self, log) end

function trial:close()
  self.e:close()
  if self.look then self.look:close() end
end

trial.__close = trial.close

return trial
