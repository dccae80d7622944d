--- Replaying a run from its journal alone: nothing is performed, nothing is written.
local bundle = require "engine.bundle"
local errors = require "errors"
local file = require "file"
local json = require "json"
local loop = require "loop"
local prelude = require "prelude"

local replay = {}

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

--- Another source for the agent, as `--with FILE` gives it.
local function swap_source(setup, path)
  local text, message, code = file.read(path)
  if not text then return nil, errors.new("K1009", { name = path, detail = message, code = code }) end
  return { file = path, text = text }
end

local function sources(self, setup, handle, other)
  bundle.sources(self, setup, handle)
  if other then assert(handle:source("agent", other.file, other.text)) end
end

local function compare_end(result, records, failed, value)
  local recorded = end_of(records)
  if not recorded then return end
  local got = { failed = failed, value = value }
  if json.pack(recorded) == json.pack(got) then return end
  result.equal, result.at, result.why = false, records[#records].seq, "output"
  result.recorded, result.new = recorded.value, value
end

--- Play run `id` against its journal. Returns { run, equal, at, recorded, new, file,
--- line, why, steps }, or nil, err; of a run that was purged { run, equal = false,
--- purged = { at, by, why, note, records, digest } }.
function replay.check(self, id, options)
  local row, err = self:run_row(id)
  if not row then
    local left = err.tombstone
    if left then return { run = left.run, equal = false, purged = left.purged } end
    return nil, err
  end
  local records
  records, err = self:journal(row)
  if not records then return nil, err end
  local result, over = { run = row.run, equal = true }, false

  local handle = assert(self.runner:run { id = row.id, replay_only = true })
  local setup, switch, code = handle:load(#records > 0 and records[#records].lsn or row.tail)
  if not setup then
    handle:release()
    return nil, errors.from(switch, code)
  end
  bundle.switched(setup, switch)
  if options.move then
    local present
    present, err = bundle.shared(self, self.library.agents[row.agent])
    if not present then
      handle:release()
      return nil, err
    end
    bundle.switched(setup, present)
  end
  local other
  if options.with then
    other, err = swap_source(setup, options.with)
    if not other then return nil, err end
  end
  sources(self, setup, handle, other)

  self.replaying = self.replaying or {}
  self.replaying[handle] = {
    ended = function(failed, value)
      compare_end(result, records, bundle.outcome(setup, failed, value))
      over = true
    end,
    idle = function()
      local label, seq = handle:left()
      if label then
        result.equal, result.at, result.why, result.recorded = false, seq, "missing", command_at(records, seq)
        result.file = (other or setup.sources.agent).file
      end
      over = true
    end,
    diverged = function(d)
      over = true
      -- a run that is not over may go on where its record ends
      if options.move and d.why == "extra" then return end
      result.equal, result.at, result.why = false, d.at, d.why
      result.recorded = command_at(records, d.at) or (d.recorded and { name = d.recorded })
      result.new = d.new and { name = d.new, args = not json.absent(d.args) and d.args or nil }
      -- a command made by a tail call has no line of its own left
      result.file, result.line = d.file or (other or setup.sources.agent).file, d.line
    end,
  }
  local caps = bundle.caps(setup)
  caps.check_fuel = caps.check_fuel and not other and not options.move
  assert(handle:start(setup, prelude.code, caps))
  while not over do loop.turn(true) end
  result.steps = handle:steps()
  self.replaying[handle] = nil
  handle:release()
  return result
end

return replay
