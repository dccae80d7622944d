--- One mutant against the journal of its script: was it noticed, and are both lines right?
local file = require "file"
local json = require "json"
local lab = require "spec.determinism.lab"
local scripts = require "spec.determinism.scripts"

local trial = {}

local function line_count(text) return select(2, text:gsub("\n", "")) end

local head_lines = line_count(scripts.join {})

--- The text of the block in which a line of the joined source lies.
local function block_at(blocks, line)
  local at = head_lines - 1
  for _, block in ipairs(blocks) do
    local size = line_count(block) + (block:find("^return ") and 1 or 3)
    if line > at and line <= at + size then return block end
    at = at + size
  end
  return ""
end

--- What stands in the source where a command of this label is made.
local function sign_of(label)
  local kind, name = label:match("^(%l+):(.*)$")
  if kind == "step" or kind == "undo" or kind == "retry" then
    return '"' .. name .. '"'
  end
  return kind == "skill" and "ctx.skill." .. name or (kind == "memory" or kind == "records") and
    ("ctx.%s.%s"):format(kind, name) or "ctx." .. kind
end

--- Whether a side of a difference names a line that makes its command.
local function placed(side, blocks, path)
  if not side.file or not side.line or side.file ~= path then return false, "no line" end
  if not side.name or side.name == "end" then return true end
  local sign = sign_of(side.name)
  local block = block_at(blocks, side.line)
  return block:find(sign, 1, true) ~= nil, ("%s:%d makes no %s"):format(side.file, side.line, sign)
end
trial.placed = placed

--- Alone, in an engine of its own: its facts, and what its commands gave.
local function alone(folder, script, source)
  os.execute("rm -rf '" .. folder .. "'")
  local one = { name = script.name, seed = script.seed, events = script.events, source = source }
  lab.home(folder, { one })
  local e <close>, set_clock, set_chance = lab.open(folder, { store = ":memory:", on_fault = function() end })
  if not e.library.agents[script.name] then return nil end
  local facts = lab.play(e, { one }, set_clock, set_chance)[script.name]
  local values = {}
  for _, record in ipairs(e:journal(e:run_row(facts.run))) do
    local value = record.value
    if type(value) == "table" then value.id, value.run = nil, nil end
    values[#values + 1] = json.pack { record.seq, record.kind, record.failed, record.kind == "start" or value }
  end
  local calls = {}
  for i, line in ipairs(facts.lines) do calls[i] = line:gsub(" %d+$", "") end
  return { whole = facts.sum .. table.concat(values), calls = table.concat(calls, "\n") .. facts.last .. table.concat(values) }
end

--- Play `mutant` against the run of `script`. Returns { verdict, calls_verdict, why, lines }:
-- verdict with the path compared, calls_verdict with names and arguments only: "caught",
-- "equal" (a run of its own shows no difference either), "body" or "missed". lines: nil,
-- or what is wrong with the places in the report.
function trial.run(e, folder, script, run, mutant)
  local path = file.join(folder, "mutant.lua")
  assert(file.write(path, mutant.source))
  local result = assert(e:replay(run, { with = path, path = true }))
  local calls = result
  if result.why == "path" then calls = assert(e:replay(run, { with = path })) end
  local out = { verdict = not result.equal and "caught", calls_verdict = not calls.equal and "caught", why = result.why }
  for _, r in ipairs { result, calls } do
    if not r.equal then
      local ok, why = placed(r.recorded, script.blocks, "agents/" .. script.name .. ".lua")
      if ok then ok, why = placed(r.new, mutant.blocks, path) end
      if not ok then out.lines = ("%s at %s (%s): %s"):format(mutant.kind, tostring(r.at), r.why, why) end
    end
  end
  if out.calls_verdict then return out end
  local scratch = file.join(folder, "alone")
  local was, now = alone(scratch, script, script.source), alone(scratch, script, mutant.source)
  local function judge(part)
    if now and was[part] == now[part] then return "equal" end
    return mutant.body and "body" or "missed"
  end
  out.verdict, out.calls_verdict = out.verdict or judge "whole", judge "calls"
  return out
end

return trial
