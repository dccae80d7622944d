--- Record runs for spec/replay_spec.lua, which holds later versions to them.
--
--   keel lua spec/replay/record.lua HOME RUN FILE.json   a run of a home: a bug becomes a recording
--   keel lua spec/replay/record.lua made                 those that are made by chance, anew
--
-- Recording anew says that older runs need not replay any more. Before a release that is
-- a matter of course; after one it is a promise broken.
package.path = "./?.lua;" .. package.path
local engine = require "engine"
local file = require "file"
local golden = require "spec.replay.golden"
local lab = require "spec.determinism.lab"
local scripts = require "spec.determinism.scripts"

local function write(e, run, path)
  local text = assert(golden.export(e, run))
  assert(file.write(path, text))
  print(("%s  %d bytes"):format(path, #text))
end

--- Few scripts with every kind of piece: greedy, so as small as can be had for little.
local function choose(count)
  local list, seen = {}, {}
  for seed = 1, 400 do
    local s = scripts.make(seed, "g" .. seed)
    local new = 0
    for _, kind in ipairs(s.kinds) do
      if not seen[kind] then new = new + 1 end
    end
    if new >= 4 or (#list > count // 2 and new > 0) then
      list[#list + 1] = s
      for _, kind in ipairs(s.kinds) do seen[kind] = true end
    end
    if #list == count then break end
  end
  local undone = 0
  for seed = 401, 800 do -- and some that fail with something to undo
    local s = scripts.make(seed, "g" .. seed)
    if s.undos and undone < 6 and s.source:find("if h % 4 > 0 then error", 1, true) and #s.source < 7000 then
      list[#list + 1], undone, s.only = s, undone + 1, "compensated"
    end
  end
  return list
end

local function made()
  local list, folder = choose(12), os.tmpname()
  os.remove(folder)
  lab.home(folder, list)
  local e <close>, set_clock, set_chance = lab.open(folder)
  local facts = lab.play(e, list, set_clock, set_chance)
  os.execute("rm -f spec/replay/made-*.json")
  for _, s in ipairs(list) do
    local f = facts[s.name]
    if not s.only or s.only == f.state then write(e, f.run, ("spec/replay/made-%s-%s.json"):format(s.name, f.state)) end
  end
  os.execute("rm -rf '" .. folder .. "'")
end

if arg[1] == "made" then return made() end
if #arg ~= 3 then error("say: record.lua HOME RUN FILE.json, or: record.lua made", 0) end
local e <close> = assert(engine.look { home = arg[1] })
write(e, arg[2], arg[3])
