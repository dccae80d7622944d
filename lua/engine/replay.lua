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

--- Another source for the agent, as `--with FILE` gives it. It runs under the name of
--- the recorded one, which is a part of error messages.
local function swap_source(path)
  local text, message, code = file.read(path)
  if not text then return nil, errors.new("K1009", { name = path, detail = message, code = code }) end
  return { file = path, text = text }
end

--- Play the records up to `tail` once. how: other (a source), find, lines_from (run.h),
-- path, gc_pause, slice. Returns { ended | idle | diverged = what the hook said, line, file,
-- made = its commands, steps, setup }.
local function play(self, id, tail, how)
  local handle = assert(self.runner:run { id = id, replay_only = true, find = how.find,
    lines_from = how.lines_from })
  local setup, message, code = handle:load(tail)
  if not setup then
    handle:release()
    return nil, errors.from(message, code)
  end
  local played = { setup = setup }
  local ok
  ok, message = pcall(function()
    bundle.sources(self, setup, handle)
    if how.other then assert(handle:source("agent", setup.sources.agent.file, how.other.text)) end
    local caps = bundle.caps(setup)
    caps.check_fuel = caps.check_fuel and (how.path or not how.other) and not how.find
    caps.gc_pause, caps.slice = how.gc_pause, how.slice
    self.replaying = self.replaying or {}
    loop.await(function(wake)
      self.replaying[handle] = {
        ended = function(failed, value)
          played.ended = { failed = failed, value = value }
          wake() -- a task goes on at once
        end,
        idle = function()
          played.idle = true
          wake()
        end,
        diverged = function(difference)
          played.diverged = difference
          wake()
        end,
      }
      assert(handle:start(setup, prelude.code, caps))
    end)
  end)
  self.replaying[handle] = nil
  if ok then
    played.steps, played.made = handle:steps(), handle:made()
    played.line, played.file = handle:found()
  end
  handle:release()
  if not ok then error(message, 0) end
  if played.diverged and not played.line then played.line, played.file = played.diverged.line, played.diverged.file end
  if how.other and played.file == setup.sources.agent.file then played.file = how.other.file end
  return played
end

--- Where a side makes command `seq`: from its frames, else from its last line, else from
--- the command before.
local function place_of_command(self, id, tail, other, seq)
  local function find(at, lines_from)
    local played = play(self, id, tail, { other = other, find = at, lines_from = lines_from })
    return played and played.diverged and played.diverged.why == "found" and played.line and played or nil
  end
  return find(seq) or find(seq, seq > 1 and seq - 1 or -1) or seq > 1 and find(seq - 1) or {}
end

--- Where a side ends, or waits: its last line.
local function place_of_end(self, id, tail, other)
  local played = play(self, id, tail, { other = other, find = to_the_end })
  if not played then return {} end
  local last = play(self, id, tail, { other = other, find = to_the_end, lines_from = played.made > 0 and played.made or -1 })
  if last and last.line and last.made == played.made then return last end
  return played.made > 0 and place_of_command(self, id, tail, other, played.made) or {}
end

local function place(self, id, tail, other, seq)
  local found = (seq and place_of_command or place_of_end)(self, id, tail, other, seq)
  return { file = found.file, line = found.line }
end

--- Give both sides of a difference their places. A side that makes no command there has
--- the place after which it makes none.
local function locate(self, id, tail, other, result)
  local ends = result.why == "output"
  local was = place(self, id, tail, nil, not ends and result.recorded and result.at)
  local now = place(self, id, tail, other, not ends and result.new and result.at)
  result.recorded, result.new = result.recorded or {}, result.new or {}
  result.recorded.file, result.recorded.line = was.file, was.line
  result.new.file, result.new.line = now.file, now.line
end

--- Both sides of what the diverged hook told: { recorded, new = {name, args, file, line} }.
-- Nothing here may fail a run that stops anyway: what cannot be found is left out.
function replay.sides(self, id, tail, difference, other)
  local row = { id = id, state = "waiting", tail = tail }
  local result = { at = difference.at, why = difference.why,
    recorded = command_at(self:journal(row) or {}, difference.at) or difference.recorded and { name = difference.recorded },
    new = difference.new and { name = difference.new, args = not json.absent(difference.args) and difference.args or nil } }
  local ok, message = pcall(locate, self, id, tail, other, result)
  if not ok then self:complain("where run " .. id .. " diverged: " .. tostring(message)) end
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

--- Play run `id` against its journal. Options: with (a file: that source in the agent's
--- place), path (compare the instructions too, with that source), gc_pause and slice (see
--- sandbox.h).
-- Returns { run, equal, at, why, recorded, new = {name, args, file, line}, file, line,
-- steps }, or nil, err. file and line are the new side's.
function replay.check(self, id, options)
  local row, err = self:run_row(id)
  if not row then return nil, err end
  local records, other, played
  records, err = self:journal(row)
  if not records then return nil, err end
  if options.with then
    other, err = swap_source(options.with)
    if not other then return nil, err end
  end
  local tail = #records > 0 and records[#records].lsn or row.tail
  played, err = play(self, row.id, tail, { other = other, path = options.path, gc_pause = options.gc_pause,
    slice = options.slice })
  if not played then return nil, err end
  local result = { run = row.run, equal = true, steps = played.steps }
  if played.ended then
    compare_end(result, records, bundle.outcome(played.setup, played.ended.failed, played.ended.value))
    if not result.equal then locate(self, row.id, tail, other, result) end
  elseif played.diverged then
    result.equal, result.at, result.why = false, played.diverged.at, played.diverged.why
    local sides = replay.sides(self, row.id, tail, played.diverged, other)
    result.recorded, result.new = sides.recorded, sides.new
  end
  if not result.equal then
    result.file, result.line = result.new.file or (other or played.setup.sources.agent).file, result.new.line
  end
  return result
end

return replay
