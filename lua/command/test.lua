local errors = require "errors"
local json = require "json"

local function names_of(e, wanted)
  if #wanted == 0 then return require("json").sorted_keys(e.library.skills) end
  local names = {}
  for _, name in ipairs(wanted) do
    if not e.library.skills[name] then
      return nil, e.library:problem_of("skills/" .. name .. ".lua")
        or errors.new("K1006", { name = name,
          suggestion = require("suggest").nearest(name, e.library.skills) })
    end
    names[#names + 1] = name
  end
  return names
end

local function run_all(e, names)
  local results, without = json.array {}, json.array {}
  for _, name in ipairs(names) do
    local manifest = e.library.skills[name].manifest
    if not manifest["local"] or #manifest.examples == 0 then
      without[#without + 1] = name
    else
      for i = 1, #manifest.examples do
        results[#results + 1] = e.library:try_example(name, i, e.settings.zone)
      end
    end
  end
  return results, without
end

local function tell_failure(context, result)
  local view, terminal, t = require "view", require "terminal", context.terminal
  context.out(("%s example %d  %s\n"):format(t:style("strong", terminal.escape(result.skill)),
    result.example, t:style("bad", "does not hold")))
  if result.error then
    for _, line in ipairs(terminal.wrap(result.error.message, math.min(t.width, 100) - 2)) do
      context.out("  " .. line .. "\n")
    end
    return
  end
  for _, d in ipairs(result.differences) do
    context.out(("  %s%s\n"):format(terminal.escape(d.path == "" and "/" or d.path),
      d.why and ": " .. d.why or ""))
    for _, side in ipairs { { "expected", d.expected }, { "got", d.got } } do
      local shown = side[2] == json.null and "nothing" or view.short(side[2])
      context.out(("    %s  %s\n"):format(t:style("dim", terminal.pad(side[1], 8)),
        terminal.fit(shown, math.min(t.width, 160) - 14)))
    end
  end
end

local function tell(context, results, without, failed)
  local view, t = require "view", context.terminal
  local order, per = {}, {}
  for _, result in ipairs(results) do
    if not per[result.skill] then
      per[result.skill] = { 0, 0 }
      order[#order + 1] = result.skill
    end
    local counts = per[result.skill]
    counts[1], counts[2] = counts[1] + 1, counts[2] + (result.ok and 0 or 1)
    if not result.ok then tell_failure(context, result) end
  end
  local rows = {}
  for i, name in ipairs(order) do
    local counts = per[name]
    rows[i] = { name, counts[1], counts[2] == 0 and "hold" or counts[2] .. " do not hold",
      bad = counts[2] > 0 }
  end
  context.out((failed > 0 and "\n" or "") .. t:table({ { "skill", style = "name" },
    { "examples", right = true },
    { "", style = function(_, row) return row.bad and "bad" or "good" end } }, rows))
  if #without > 0 then
    context.out(t:style("dim", "without examples that can be run here: "
      .. table.concat(without, ", ")) .. "\n")
  end
  context.out(("%s, %d of them %s\n"):format(view.count(#results, "example"),
    #results - failed, #results - failed == 1 and "holds" or "hold"))
end

return {
  about = "run the examples in the manifests of skills",
  arguments = { { "skills", "SKILL", many = true, optional = true } },
  notes = "Every example's input goes through the skill's local implementation; what comes"
    .. " out must hold everything that the example's output names. Exit code 1 when one"
    .. " does not.",
  run = function(args, context)
    local e, names, err
    e, err = context.look()
    if not e then return nil, err end
    names, err = names_of(e, args.skills)
    if not names then return nil, err end
    local results, without = run_all(e, names)
    local failed = 0
    for _, result in ipairs(results) do failed = failed + (result.ok and 0 or 1) end
    local broken = #args.skills == 0 and e.library.problems or {}
    if context.json then
      local problems = json.array {}
      for i, one in ipairs(broken) do problems[i] = errors.json(one).error end
      context.print_json { passed = #results - failed, failed = failed, examples = results,
        without = without, problems = problems }
    else
      for _, one in ipairs(broken) do
        context.err(require("view").problem(context, one) .. "\n\n")
      end
      tell(context, results, without, failed)
    end
    if failed > 0 then return 1 end
    return broken[1] and errors.exit_code(broken[1]) or 0
  end,
}
