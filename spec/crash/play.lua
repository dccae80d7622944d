--- One scenario (spec/crash/scenarios) on one home, from where it stands to its end.
--
--   build/keel lua spec/crash/play.lua HOME SCENARIO [BOOKS PORT REALM]
--
-- Doing it again goes on where a killed process stopped: starts and events have keys, and
-- what is asked is answered when it is asked. Prints the state of the home as JSON.
package.path = "./?.lua;" .. package.path
local crash = require "core.crash"
local engine = require "engine"
local file = require "file"
local json = require "json"
local lab = require "spec.crash.lab"
local library = require "library"
local loop = require "loop"

local play = {}

--- The home of a scenario, as it is before anything happened.
function play.furnish(home, scenario, port, realm)
  for _, folder in ipairs { "agents", "skills", "inbox/notes", "docs" } do assert(file.mkdir(home .. "/" .. folder)) end
  assert(file.write(home .. "/config.lua", ([[return { zone = "UTC", http = { listen = "127.0.0.1:0" }, %s
    adapters = { mail = "outbox", docs = { use = "folder", path = "docs" }, world = { use = "http_json",
      base_url = "http://127.0.0.1:%d/%s", hosts = { "127.0.0.1" }, timeout = "5s",
      ops = { charge = { path = "/keyed/charge", keys = true }, refund = { path = "/keyed/refund", keys = true },
        post = { path = "/probed/post", probe = "/probed/{key}" }, ring = { path = "/blind/ring" },
        lost = { path = "/blind/lost", undo = "refund" } } } } }]])
    :format(scenario.config or "", port or 1, realm or "none")))
  for _, kind in ipairs { "agents", "skills" } do
    for name, text in pairs(scenario[kind] or {}) do assert(file.write(("%s/%s/%s.lua"):format(home, kind, name), text)) end
  end
  for name, text in pairs(scenario.files or {}) do
    assert(file.mkdir((home .. "/" .. name):match("^(.*)/")))
    assert(file.write(home .. "/" .. name, text))
  end
end

--- The ledger's entries of one realm.
function play.books(path, realm)
  local list = {}
  for line in (file.read(path or "") or ""):gmatch("([^\n]*)\n") do
    local entry = json.decode(line)
    if entry and entry.realm == realm then list[#list + 1] = entry end
  end
  return list
end

--- Whether a decision was taken back once already.
local function recalled(e)
  for _, row in ipairs(e:rows("audit.list", { limit = 100 })) do
    if row.what == "approval.recalled" then return true end
  end
  return false
end

local function answer(e, scenario, item, books, realm)
  if item.kind == "approval" then
    if scenario.decide then e:decide(item.id, scenario.decide) end
    if scenario.recall and not recalled(e) then e:recall(item.id) end
  elseif item.kind == "reconcile" then
    local happened
    for _, entry in ipairs(play.books(books, realm)) do
      if entry.key == item.proposal.key then happened = happened or entry end
    end
    -- what did not happen is not undone, but sent
    e:reconcile(item.id, happened and (scenario.reconcile or { answer = "happened", value = happened }) or { answer = "not_happened" })
  else
    e:reconcile(item.id, scenario.stuck or { answer = "not_happened" })
  end
end

--- Go on until nothing does, timers included.
local function settle(e, scenario, books, realm)
  for _ = 1, 200 do
    assert(e:drain())
    local asked = false
    for _, item in ipairs(e:inbox()) do
      if item.kind ~= "approval" or scenario.decide then
        asked = true
        answer(e, scenario, item, books, realm)
      end
    end
    if not asked then
      local due = math.min(e.next_due or math.maxinteger, e.bus_due or math.maxinteger)
      if due == math.maxinteger then return end
      loop.sleep(math.max(1, math.min(due - e.clock() + 1, 300)))
    end
  end
end

local function start_all(e, list, prefix)
  for i, one in ipairs(list or {}) do assert(e:start(one[1], one[2] or {}, { key = prefix .. i })) end
end

--- From where it stands to the end.
function play.on(home, scenario, books, realm)
  local e <close> = assert(engine.open { home = home })
  start_all(e, scenario.start, "start")
  if scenario.emit or scenario.pause then assert(e:drain()) end
  if scenario.pause then assert(e:pause({ all = true }, {})) end
  for _, one in ipairs(scenario.emit or {}) do assert(e:emit(one[1], one[2], { key = one[3] })) end
  if scenario.files then e:scan_inbox() end
  if scenario.saved then
    assert(e:drain())
    for name, text in pairs(scenario.saved) do
      assert(file.write(("%s/agents/%s.lua"):format(home, name), text))
      crash.point "reload"
      e.library = library.load(home, e.settings.adapters)
      crash.point "reloaded"
    end
    start_all(e, scenario.after_save, "later")
  end
  if scenario.pause then
    loop.sleep(12)
    assert(e:resume({ all = true }, {}))
  end
  if scenario.cancel then
    assert(e:drain())
    for _, row in ipairs(e:rows("run.open", {})) do assert(e:cancel(row.run, {})) end
  end
  settle(e, scenario, books, realm)
  if scenario.tidy then
    assert(e:gc {})
    crash.point "collected"
    assert(e:tidy(true))
  end
  if scenario.collect then
    loop.sleep(10)
    crash.point "collect"
    assert(e:memory():expire())
    crash.point "collected"
  end
end

-- ---- what is there in the end ---------------------------------------------------------------

--- Ids are made of time and chance.
local function plain(list)
  for i, text in ipairs(list) do
    list[i] = text:gsub("run_[%w]+", "run_*"):gsub("apr_[%w]+", "apr_*"):gsub("rec_[%w]+", "rec_*")
  end
  table.sort(list)
  return list
end

function play.state(home, books, realm)
  local state, effects, documents = lab.state(home), {}, {}
  for _, part in ipairs { "records", "memory", "outbox", "runs", "waiting", "integrity" } do state[part] = json.array(plain(state[part])) end
  for _, entry in ipairs(play.books(books, realm)) do
    effects[#effects + 1] = json.encode { kind = entry.kind, op = entry.op, body = entry.body }
  end
  for _, name in ipairs(file.list(home .. "/docs") or {}) do
    documents[#documents + 1] = name .. ": " .. file.read(home .. "/docs/" .. name)
  end
  state.ledger, state.documents, state.replays = json.array(plain(effects)), json.array(plain(documents)), json.array {}
  local e <close> = assert(engine.look { home = home })
  for _, run in ipairs(e:list { limit = 1000 }) do
    local result, err = e:replay(run.run)
    if not result or not result.equal then
      table.insert(state.replays, ("%s: %s"):format(run.agent, result and json.encode(result) or err.message))
    end
  end
  return state
end

if arg and arg[0] and arg[0]:find("play%.lua$") then
  local home, name, books, realm = arg[1], arg[2], arg[3], arg[4]
  play.on(home, require("spec.crash.scenarios." .. name), books, realm)
  io.write(json.encode(play.state(home, books, realm)), "\n")
end

return play
