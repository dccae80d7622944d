--- Replaying a run from its journal alone: nothing is performed, nothing is written.
--
-- Where a replay differs, both sides are played once more, up to the difference, and
-- asked where they are (src/run_find.c): so both have a file and a line, although the
-- journal has none.
local bundle = require "engine.bundle"
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"
local prelude = require "prelude"

local replay = {}

local to_the_end = math.maxinteger

local function command_at(records, seq)
  for _, record in ipairs(records) do
    if record.seq == seq and (record.kind == "step" or record.kind == "intent") then
      return { name = record.name, args = record.args }
    end
  end
end

local function end_of(records)
  local last = records[#records]
  return last and last.kind == "end" and last.value or nil
end

--- Another source for the agent, or for a skill that it reaches (skills/NAME.lua), as
--- `--with FILE` gives it. It runs under the name of the recorded one, which is a part of
--- error messages.
local function swap_source(path)
  local text, message, code = file.read(path)
  if not text then return nil, errors.new("K1009", { name = path, detail = message, code = code }) end
  return { file = path, text = text, skill = path:match "%f[^/\0]skills/([%w_]+)%.lua$" }
end

--- Which of a run's sources the other one takes the place of.
local function place_of(setup, other)
  local name = other.skill and "skill/" .. other.skill
  return name and setup.sources[name] and name or "agent"
end

--- What a side of the comparison runs: what the run is pinned to, or what it was begun with
--- (`what.begun`, before it was moved); `what.other` in the agent's place, or, with
--- `what.move` (what a new run would be pinned to), other sources altogether.
local function sources(self, setup, switch, handle, what)
  if not what.begun then bundle.switched(setup, switch) end
  if what.move then bundle.switched(setup, what.move) end
  bundle.sources(self, setup, handle)
  if what.other then
    local name = place_of(setup, what.other)
    assert(handle:source(name, setup.sources[name].file, what.other.text))
  end
end

local function caps_of(setup, what, how)
  local caps, same = bundle.caps(setup), not what.other and not what.move
  caps.check_fuel = caps.check_fuel and (how.path or same) and not how.find
  caps.gc_pause, caps.slice = how.gc_pause, how.slice
  return caps
end

--- Start, and wait until `played` holds what came of it.
local function wait_for(self, handle, setup, caps, played)
  self.replaying = self.replaying or {}
  loop.await(function(wake) -- a task goes on within wake()
    --- It goes no further: whether something is recorded that it did not come to.
    local function stopped()
      local label, seq = handle:left()
      if label then played.diverged = { at = seq, why = "missing", recorded = label } end
      wake()
    end
    self.replaying[handle] = {
      ended = function(failed, value)
        if not handle:left() then played.ended = { failed = failed, value = value } end
        stopped() -- it may have died of a cap
      end,
      idle = stopped,
      diverged = function(difference)
        played.diverged = difference
        wake()
      end,
    }
    assert(handle:start(setup, prelude.code, caps))
  end)
end

--- Play the records up to `tail` once. what: see sources(). how: find, lines_from (run.h),
-- path, gc_pause, slice (sandbox.h).
-- Returns { ended | diverged = what the hook said, line, file, made = its commands, steps,
-- setup }; neither where it waits as recorded.
local function play(self, id, tail, what, how)
  local handle = assert(self.runner:run { id = id, replay_only = true, find = how.find,
    lines_from = how.lines_from })
  local setup, switch, code = handle:load(tail)
  if not setup then
    handle:release()
    return nil, errors.from(switch, code)
  end
  local played = { setup = setup }
  local ok, message = pcall(function()
    sources(self, setup, switch, handle, what)
    wait_for(self, handle, setup, caps_of(setup, what, how), played)
    played.steps, played.made = handle:steps(), handle:made()
    played.line, played.file = handle:found()
  end)
  if self.replaying then self.replaying[handle] = nil end
  handle:release()
  if not ok then error(message, 0) end
  local d = played.diverged
  if d and not played.line then played.line, played.file = d.line, d.file end
  if what.other and played.file == setup.sources[place_of(setup, what.other)].file then played.file = what.other.file end
  return played
end

--- Where a side makes command `seq`: from its frames, else from its last line, else from
--- the command before.
local function place_of_command(self, id, tail, what, seq)
  local function find(at, lines_from)
    local played = play(self, id, tail, what, { find = at, lines_from = lines_from })
    return played and played.diverged and played.diverged.why == "found" and played.line and played or nil
  end
  return find(seq) or find(seq, seq > 1 and seq - 1 or -1) or seq > 1 and find(seq - 1) or {}
end

--- Where a side ends, or waits: its last line.
local function place_of_end(self, id, tail, what)
  local played = play(self, id, tail, what, { find = to_the_end })
  if not played then return {} end
  local last = play(self, id, tail, what, { find = to_the_end, lines_from = played.made > 0 and played.made or -1 })
  if last and last.line and last.made == played.made then return last end
  return played.made > 0 and place_of_command(self, id, tail, what, played.made) or {}
end

--- Give both sides of a difference their places. A side that makes no command there has
--- the place after which it makes none.
local function locate(self, id, tail, what, result)
  local function place(side, source)
    local at = result.why ~= "output" and side and result.at
    local found = (at and place_of_command or place_of_end)(self, id, tail, source, at)
    side = side or {}
    side.file, side.line = found.file, found.line
    return side
  end
  result.recorded, result.new = place(result.recorded, { begun = true }), place(result.new, what)
  if not result.recorded.line then result.recorded = place(result.recorded, {}) end
end

--- Both sides of what the diverged hook told: { recorded, new = {name, args, file, line} }.
-- Nothing here may fail a run that stops anyway: what cannot be found is left out.
function replay.sides(self, id, tail, difference, what)
  local records = self:journal { id = id, state = "waiting", tail = tail } or {}
  local result = { at = difference.at, why = difference.why,
    recorded = command_at(records, difference.at) or difference.recorded and { name = difference.recorded } or nil,
    new = difference.new and { name = difference.new, args = not json.absent(difference.args) and difference.args or nil } }
  local ok, message = pcall(locate, self, id, tail, what or {}, result)
  if not ok then self:complain("where run " .. id .. " diverged: " .. tostring(message)) end
  result.recorded, result.new = result.recorded or {}, result.new or {}
  return result
end

local function compare_end(result, records, failed, value)
  local recorded = end_of(records)
  if not recorded then return end
  local got = { failed = failed, value = value }
  if json.pack(recorded) == json.pack(got) then return end
  result.equal, result.at, result.why = false, records[#records].seq, "output"
  result.recorded, result.new = { name = "end", value = recorded.value }, { name = "end", value = value }
end

local function sides_of(self, row, options)
  local what, err = {}, nil
  if options.move then
    what.move, err = bundle.shared(self, self.library.agents[row.agent])
    if not what.move then return nil, err end
  end
  if options.with then
    what.other, err = swap_source(options.with)
    if not what.other then return nil, err end
  end
  return what
end

--- Play run `id` against its journal. Options: with (a file: that source in the agent's
--- place), path (compare the instructions too, with that source), move (what new runs of
--- the agent are pinned to), gc_pause and slice (see sandbox.h).
-- Returns { run, equal, at, why, recorded, new = {name, args, file, line}, file, line,
-- steps }, or nil, err. file and line are the new side's. Of a run that was purged it is
-- { run, equal = false, purged = { at, by, why, note, records, digest } }.
function replay.check(self, id, options)
  local row, records, what, played, err
  row, err = self:run_row(id)
  if not row then
    local left = err.tombstone
    if left then return { run = left.run, equal = false, purged = left.purged } end
    return nil, err
  end
  records, err = self:journal(row)
  if not records then return nil, err end
  what, err = sides_of(self, row, options)
  if not what then return nil, err end
  local tail = #records > 0 and records[#records].lsn or row.tail
  played, err = play(self, row.id, tail, what, options)
  if not played then return nil, err end
  local result, difference = { run = row.run, equal = true, steps = played.steps }, played.diverged
  -- a run that is not over may go on where its record ends
  if options.move and difference and difference.why == "extra" then difference = nil end
  if played.ended then
    compare_end(result, records, bundle.outcome(played.setup, played.ended.failed, played.ended.value))
    if not result.equal then locate(self, row.id, tail, what, result) end
  elseif difference then
    local sides = replay.sides(self, row.id, tail, difference, what)
    result.equal, result.at, result.why = false, difference.at, difference.why
    result.recorded, result.new = sides.recorded, sides.new
  end
  if not result.equal then
    result.file, result.line = result.new.file or (what.other or played.setup.sources.agent).file, result.new.line
  end
  return result
end

return replay
