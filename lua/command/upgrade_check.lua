local errors = require "errors"
local json = require "json"

--- How each run that is not over would fare with this binary.
local function check_runs(e)
  local list, same = json.array {}, 0
  for _, row in ipairs(e:rows("run.open", {})) do
    local result, err = e:replay(row.run)
    if result and result.equal then
      same = same + 1
    else
      list[#list + 1] = { run = row.run, agent = row.agent, at = result and result.at, why = result and result.why or err and err.message,
        file = result and result.file, line = result and result.line }
    end
  end
  return list, same
end

local function examine(context)
  local told = { version = require("core.program").version, runs = json.array {}, problems = json.array {}, replayed = 0 }
  local e, err = require("engine").look { home = context.home, getenv = context.getenv }
  if not e then
    told.problems[1] = errors.json(err).error
  else
    for i, problem in ipairs(e.library.problems) do told.problems[i] = errors.json(problem).error end
    told.runs, told.replayed = check_runs(e)
    e:close()
  end
  told.safe = #told.runs == 0 and #told.problems == 0
  return told
end

return {
  about = "before this binary takes over a home: would everything go on as it is",
  notes = "Run it from the new binary, while the old engine still runs; nothing is written. Every run that is not over is"
    .. " played again from its journal, agents and skills are loaded, settings are read. Exit code 1 when something"
    .. " would be held back.",
  examples = { "./keel-new upgrade-check --home ~/keel" },
  run = function(_, context)
    if require("file").kind(context.home) ~= "folder" then return nil, errors.new("K1013", { name = context.home }) end
    local told = examine(context)
    if context.json then
      context.print_json(told)
      return told.safe and 0 or 1
    end
    local terminal, view, t = require "terminal", require "view", context.terminal
    for _, problem in ipairs(told.problems) do
      context.out(("%s  %s: %s\n"):format(t:style("bad", "bad "), problem.number, terminal.escape(problem.message)))
    end
    for _, run in ipairs(told.runs) do
      context.out(("%s  %s of %s takes another way%s%s\n"):format(t:style("bad", "bad "), terminal.escape(run.run), terminal.escape(run.agent),
        run.at and " at step " .. tostring(run.at) or "", run.why and ": " .. terminal.escape(run.why) or ""))
    end
    context.out(("%s: %s of those under way replayed the same\n"):format(told.safe and t:style("good", "safe to upgrade")
      or t:style("bad", "keep the old binary until these are over or mended"), view.count(told.replayed, "run")))
    return told.safe and 0 or 1
  end,
}
