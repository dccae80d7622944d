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

-- ---- with a model -----------------------------------------------------------------------

--- The examples of the skills that a model can do, by local code and by the model side by side.
local function by_model(e, names, tier)
  local quality, list = require "quality", json.array {}
  local client = e:model_client()
  for _, name in ipairs(names) do
    local skill = e.library.skills[name]
    local part = skill.manifest.model
    if part and #skill.manifest.examples > 0 and e.settings.tiers[tier or part.tier] then
      local sides = { {}, {} }
      for i, example in ipairs(skill.manifest.examples) do
        -- shown the examples that it is shown in a run, but not the one that it is asked about
        local shots = {}
        for k = 1, math.min(part.shots or 0, #skill.manifest.examples) do
          if k ~= i then shots[#shots + 1] = skill.manifest.examples[k] end
        end
        table.insert(sides[1], quality.locally(e.library, skill, example, e.settings.zone))
        table.insert(sides[2], quality.by_model(client, skill, example, { tier = tier, shots = shots }))
      end
      list[#list + 1] = { skill = name, tier = tier or part.tier, ["local"] = #sides[1] > 0 and quality.sum(sides[1]) or nil, model = quality.sum(sides[2]) }
    end
  end
  return list
end

local function tell_models(context, list)
  local t, terminal, rows = context.terminal, require "terminal", {}
  local function side(sum, money)
    if not sum then return "-", "-", money and "-" or nil end
    return ("%d/%d"):format(sum.held, sum.n), ("%.3f"):format(sum.score), money and terminal.money(sum.cost) or nil
  end
  for i, one in ipairs(list) do
    local held, score = side(one["local"])
    local model_held, model_score, cost = side(one.model, true)
    rows[i] = { one.skill, one.tier, held, score, model_held, model_score, cost, ("%d"):format(one.model.p50_ms or 0), ("%d"):format(one.model.p95_ms or 0) }
  end
  context.out(t:table({ { "skill", style = "name" }, { "tier" }, { "local", right = true }, { "score", right = true }, { "model", right = true }, { "score", right = true },
    { "cost", right = true }, { "p50 ms", right = true }, { "p95 ms", right = true } }, rows))
end

local function run_models(context, e, names, tier)
  local list = by_model(e, names, tier)
  if #list == 0 then
    return nil, errors.from("no tier that these skills name has a model in config.lua", "invalid_request", { provider = "the model client", next = context.command "help model" })
  end
  local below = 0
  for _, one in ipairs(list) do below = below + (one.model.held < one.model.n and 1 or 0) end
  if context.json then
    local quality, out = require "quality", json.array {}
    for i, one in ipairs(list) do
      out[i] = { skill = one.skill, tier = one.tier, ["local"] = quality.shown(one["local"]), model = quality.shown(one.model) }
    end
    context.print_json { skills = out }
  else
    tell_models(context, list)
  end
  return below > 0 and 1 or 0
end

return {
  about = "run the examples in the manifests of skills",
  arguments = { { "skills", "SKILL", many = true, optional = true } },
  flags = { { "model", nil, "by the configured model too: quality, cost and latency beside those of the local code" },
    { "tier", "T", "with --model: this tier instead of the skill's" } },
  notes = "Every example's input goes through the skill's local implementation; what comes"
    .. " out must hold everything that the example's output names. Exit code 1 when one"
    .. " does not.",
  run = function(args, context)
    local e, names, err
    if args.model then e, err = context.engine() else e, err = context.look() end
    if not e then return nil, err end
    names, err = names_of(e, args.skills)
    if not names then return nil, err end
    if args.model then return run_models(context, e, names, args.tier) end
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
