--- Generated scripts in real engines: played, and played again from their journals.
local digest = require "core.digest"
local engine = require "engine"
local file = require "file"
local json = require "json"
local scripts = require "spec.determinism.scripts"

local lab = {}

lab.noon = 1772442000000

--- The engine of a folder, on a clock that only the lab moves and chance of the lab's.
-- how: store (":memory:"), shift (ms), look. Returns it, set_clock(ms), set_chance(n).
function lab.open(folder, how)
  how = how or {}
  local now, draws = lab.noon + (how.shift or 0), 0
  local options = { home = folder, store = how.store, getenv = function() end, on_fault = how.on_fault,
    clock = function() return now end, on_log = how.on_log,
    chance = function()
      draws = draws + 1
      return (draws * 0x9e3779b97f4a7c15) ~ 0x5bd1e995
    end }
  local e = assert((how.look and engine.look or engine.open)(options))
  return e, function(to) now = math.max(now, to) end, function(to) draws = to << 12 end
end

--- A home with these scripts as agents. extra: more agents, name -> source.
function lab.home(folder, list, extra)
  for _, sub in ipairs { "agents", "skills", "var" } do assert(file.mkdir(file.join(folder, sub))) end
  local function write(name, text) assert(file.write(file.join(folder, name), text)) end
  write("config.lua", 'return { zone = "UTC", adapters = { mail = "outbox" } }')
  write("agents/kid.lua", scripts.kid)
  write("skills/shape.lua", scripts.skill)
  for _, s in ipairs(list) do write("agents/" .. s.name .. ".lua", s.source) end
  for name, source in pairs(extra or {}) do write("agents/" .. name .. ".lua", source) end
end

--- The owner of the lab: decides by the subject alone.
local function decide(e)
  for _, item in ipairs(e:inbox()) do
    local n = item.subject:byte(-1) + #item.subject
    local state = ({ "approved", "edited", "rejected" })[n % 4 + 1]
    if state then
      e:decide(item.id, { state = state, by = "Mira", value = state == "edited" and { edited = n } or nil, note = "n" .. n })
    end
  end
end

--- Go on until every run is over: events come, questions are decided, the clock moves to
--- the next timer.
function lab.play_on(e, list, set_clock)
  local sent = false
  for _ = 1, 400 do
    assert(e:drain())
    if not sent then
      sent = true
      for _, s in ipairs(list) do
        for _, event in ipairs(s.events) do assert(e:emit(event.type, event.payload, { key = "once" })) end
      end
      decide(e)
    elseif #e:rows("run.open", {}) == 0 then
      return true
    else
      decide(e)
      assert(e:drain())
      local due = (e:rows("timer.next", { after = -1 })[1] or {}).due
      if due then set_clock(due) end
      e:fire()
    end
  end
  return nil, #e:rows("run.open", {}) .. " runs did not end"
end

--- What a run did, as the journal has it: { sum, n, state, run, lines }.
function lab.facts(e, row)
  local out, n = {}, 0
  for _, record in ipairs(assert(e:journal(row))) do
    if record.kind == "step" or record.kind == "intent" then
      n = n + 1
      out[n] = ("%d %s %s %d"):format(record.seq, record.name, record.hash:gsub(".", function(c) return ("%02x"):format(c:byte()) end),
        record.fuel)
    end
  end
  table.sort(out, function(a, b) return math.tointeger(a:match("^%d+")) < math.tointeger(b:match("^%d+")) end)
  local described = e:describe(row.run)
  local last = json.encode { output = described.output, code = described.error and described.error.code,
    message = described.error and described.error.message }
  return { sum = digest.sha256(table.concat(out, "\n") .. "\n" .. last), commands = n, state = described.state,
    run = row.run, lines = out, last = last }
end

--- Play scripts to their ends: name -> facts. Started all at once, so that their commits
--- share the disk.
function lab.play(e, list, set_clock, set_chance)
  local started, facts = {}, {}
  for _, s in ipairs(list) do
    set_chance(s.seed) -- others run already, and may start children
    started[s.name] = assert(e:start(s.name, { n = s.seed, list = { 1, 2.5, "x" } })).run
  end
  assert(lab.play_on(e, list, set_clock))
  for _, s in ipairs(list) do facts[s.name] = lab.facts(e, e:run_row(started[s.name])) end
  return facts
end

--- The scripts of a shard: every `of`th of n, from `shard`.
function lab.shard(seed, n, shard, of)
  local list = {}
  for i = shard, n, of do list[#list + 1] = scripts.make(seed * 1000003 + i, ("s%d"):format(i)) end
  return list
end

return lab
