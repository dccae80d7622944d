--- How the runs that are recorded in the real home would fare with what was just saved.
local clock = require "core.clock"
local library = require "library"
local loop = require "loop"

local recorded = {}

--- Replay the last runs of an agent against the sources of a trial.
-- @param trial    lua/dev/trial.lua
-- @param agent    a name
-- @param options  most (20 runs), ms (how long it may take), stop() -> whether to break off,
--   each(result) called for each run
-- @return { same, other, untried, places = { { at, why, recorded, new, file, line, runs } } };
--   nil when the home has no recorded run of it
function recorded.check(trial, agent, options)
  local look = trial.look
  local runs = look and look:list { agent = agent, limit = options.most or 20 } or {}
  if #runs == 0 then return nil end
  look.settings = trial.e.settings
  look.library = library.load(trial.e.home, look.settings.adapters, nil, { old = trial.e.library, texts = {} })
  local told, by_place = { same = 0, other = 0, untried = 0, places = {} }, {}
  local till = clock.mono_us() + (options.ms or 300) * 1000
  for _, run in ipairs(runs) do
    local result = clock.mono_us() < till and not options.stop() and look:replay(run.run, { move = true }) or nil
    if not result or result.purged then
      told.untried = told.untried + 1
    else
      told[result.equal and "same" or "other"] = told[result.equal and "same" or "other"] + 1
      if options.each then options.each(result) end
      if not result.equal then
        local key = ("%s %s %s %s"):format(result.at, result.why, result.file, result.line)
        local place = by_place[key]
        if not place then
          place = { at = result.at, why = result.why, recorded = result.recorded, new = result.new, file = result.file, line = result.line, runs = {} }
          by_place[key] = place
          table.insert(told.places, place)
        end
        table.insert(place.runs, run.run)
      end
    end
    loop.turn(false)
  end
  return told
end

return recorded
