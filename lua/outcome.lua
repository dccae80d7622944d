--- What came of a run: its exit code, its error, and how a command tells it.

local errors = require "errors"
local json = require "json"

local outcome = {}

local exit_of_state = {
  queued = 0, running = 0, done = 0, rejected = 1, cancelled = 1, compensated = 3,
  waiting = 6, needs_reconciliation = 7, diverged = 7, quarantined = 7,
}

--- Failures that have their own exit code; all others are the script's.
local own_exit = { [4] = true, [5] = true, [7] = true, [8] = true, [9] = true }

--- The text that ran, of the agent or a skill of it: what the run is pinned to.
local function source_of(e, run, name)
  local row = e and e.run_row and e:run_row(run.run)
  local records = row and e:journal(row)
  local setup = records and records[1] and records[1].value
  for _, source in pairs(type(setup) == "table" and setup.sources or {}) do
    if source.file == name then return (e:rows("code.get", { hash = source.hash })[1] or {}).body end
  end
end

local function line_of(source, line)
  local at = 0
  for text in ((source or "") .. "\n"):gmatch "([^\n]*)\n" do
    at = at + 1
    if at == line then return text end
  end
end

--- The error of a run that failed, as one of the catalogue's; nil for one that did
-- not. With an engine `e` it shows the line of the script.
function outcome.error(run, e)
  local err = run.error
  if json.absent(err) then return nil end
  local number = err.number or errors.number_of(err.code or "")
  local where = tostring(err.where or ""):gsub("^%[string \"(.*)\"%]", "%1")
  local file, line = where:match("^(.+):(%d+)$")
  file = err.file or file
  line = math.tointeger(tonumber(err.line or line))
  local source = file and source_of(e, run, file)
  local known = {}
  for name in pairs(e and e.library and e.library.skills or {}) do known[name] = true end
  return errors.new(number or "K3002", { message = not number
    and "the script failed: " .. tostring(err.message) or err.message,
    run = run.run, name = run.run, agent = run.agent,
    file = file, line = line, source = source,
    suggestion = require("errors.meant")(tostring(err.message), line_of(source, line), known) })
end

--- The exit code that a run's state stands for.
function outcome.exit_code(run)
  if run.state ~= "failed" then return exit_of_state[run.state] or 0 end
  local err = outcome.error(run)
  local exit = err and errors.exit_code(err) or 3
  return own_exit[exit] and exit or 3
end

--- The run as --json prints it; an error in the form of all errors.
function outcome.json(run, e)
  local err = outcome.error(run, e)
  if not err then return run end
  local copy = {}
  for key, value in pairs(run) do copy[key] = value end
  copy.error = errors.json(err).error
  copy.error.recorded, copy.error.new = run.error.recorded, run.error.new
  copy.error.deaths = run.error.deaths
  return copy
end

--- The open question of a run, or nil.
function outcome.question(e, run)
  for _, item in ipairs(e:inbox()) do
    if item.run == run.run then return item end
  end
end

local function tell(context, e, run)
  local view = require "view"
  local t = context.terminal
  context.out(view.head(t, run))
  local err = outcome.error(run, e)
  if err then context.err(view.problem(context, err) .. "\n") end
  if not json.absent(run.output) then
    context.out("\n" .. view.value(run.output, t.width, 2) .. "\n")
  end
  local question = (run.state == "waiting" or run.state == "needs_reconciliation") and outcome.question(e, run)
  if question then
    context.out("\n" .. view.question(context, question))
  elseif not err then
    context.out(view.next(context, "show " .. run.run))
  end
end

--- Print a run the way that was asked for; returns its exit code.
function outcome.report(context, e, run)
  if context.json then
    context.print_json(outcome.json(run, e))
  else
    tell(context, e, run)
  end
  return outcome.exit_code(run)
end

return outcome
