--- One process of make determinism, for one shard of the scripts:
--
--   keel lua spec/determinism/child.lua record|replay|fresh|mutate FOLDER SEED N SHARD OF [MORE]
--
-- record: play them on a store in FOLDER; replay: play its journals again, MORE is
-- CLOCK_SHIFT_MS/GC_PAUSE/SLICE; fresh: play them once more on a store of its own; mutate: MORE
-- mutants of each. Writes FOLDER/MODE[-LABEL].json, LABEL from the environment.
package.path = "./?.lua;" .. package.path
local file = require "file"
local json = require "json"
local lab = require "spec.determinism.lab"
local mutants = require "spec.determinism.mutants"
local scripts = require "spec.determinism.scripts"
local trial = require "spec.determinism.trial"

local mode, folder, seed, n, shard, of, more = table.unpack(arg)
seed, n, shard, of = math.tointeger(seed), math.tointeger(n), math.tointeger(shard), math.tointeger(of)
local list = lab.shard(seed, n, shard, of)
local label = os.getenv "LABEL"

local function write(value)
  assert(file.write(file.join(folder, mode .. (label and "-" .. label or "") .. ".json"), assert(json.encode(value))))
end

local function brief(facts)
  local out = {}
  for name, f in pairs(facts) do out[name] = { sum = f.sum, run = f.run, commands = f.commands, state = f.state, lines = f.lines, last = f.last } end
  return out
end

local modes = {}

function modes.record()
  lab.home(folder, list)
  local e <close>, set_clock, set_chance = lab.open(folder)
  write(brief(lab.play(e, list, set_clock, set_chance)))
end

--- Every run of the store, those of children too.
function modes.replay()
  local shift, pause, slice = more:match("^(%d+)/(%d+)/(%d+)$")
  local e <close> = lab.open(folder, { look = true, shift = math.tointeger(shift) })
  local out = { runs = 0, steps = 0, different = json.array {} }
  for _, run in ipairs(assert(e:list { limit = 1000000 })) do
    local result = assert(e:replay(run.run, { gc_pause = math.tointeger(pause), slice = math.tointeger(slice) }))
    out.runs, out.steps = out.runs + 1, out.steps + result.steps
    if not result.equal then table.insert(out.different, { agent = run.agent, result = result }) end
  end
  write(out)
end

function modes.fresh()
  local home = file.join(folder, "fresh-" .. label)
  lab.home(home, list)
  local e <close>, set_clock, set_chance = lab.open(home, { store = ":memory:" })
  write(brief(lab.play(e, list, set_clock, set_chance)))
end

function modes.mutate()
  local recorded = json.decode(file.read(file.join(folder, "record-.json")))
  local e <close> = lab.open(folder, { look = true })
  local out = json.array {}
  for _, s in ipairs(list) do
    local r, made = scripts.chance(s.seed + 1), 0
    for _ = 1, 60 do
      if made == math.tointeger(more) then break end
      local mutant = mutants.make(s, r.pick(mutants.kinds), r)
      if mutant then
        made = made + 1
        local t = trial.run(e, folder, s, recorded[s.name].run, mutant)
        t.kind, t.script, t.seed = mutant.kind, s.name, s.seed
        if t.lines or t.verdict == "missed" or t.calls_verdict == "missed" then t.source = mutant.source end
        out[#out + 1] = t
      end
    end
  end
  write(out)
end

modes[mode]()
