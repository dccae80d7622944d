--- keel improve: what a skill would gain from what you decided otherwise, measured before
--- anything changes.
local errors = require "errors"
local json = require "json"

--- Which part an example is in: by its hash, so that it is the same at every call.
local function is_held_apart(one)
  return tonumber(require("core.digest").sha256(json.pack { one.input, one.output }):sub(1, 4), 16) % 3 == 0
end

local most_learned = 50 -- as `model.shots` may say

local function same_of(one) return require("core.digest").sha256(json.pack { one.input, one.output }) end

--- Everything there is to learn from and to measure with: { learn, shown, held }. What the
--- skill's examples say already is not learned again; of two edits of the same input the newer
--- one counts.
local function split(e, skill)
  local parts, known = { learn = json.array {}, shown = {}, held = {} }, {}
  for _, one in ipairs(skill.manifest.examples or {}) do known[same_of(one)] = true end
  for _, one in ipairs(e:overrides { skill = skill.name, limit = 200 }) do
    local example = e.as_example(one)
    local input = example and same_of { input = example.input }
    if example and not known[input] and not known[same_of(example)] then
      known[input], example.learned = true, true
      if is_held_apart(example) then
        table.insert(parts.held, example)
      elseif #parts.learn < most_learned then
        table.insert(parts.learn, example)
      end
    end
  end
  for _, one in ipairs(skill.manifest.examples or {}) do
    table.insert(is_held_apart(one) and parts.held or parts.shown, one)
  end
  return parts
end

--- What a skill was before it was improved, and the hash of what it became.
local function before_file(e, name) return require("file").join(e.home, "var", "improve", name .. ".lua") end

local function after_file(e, name) return require("file").join(e.home, "var", "improve", name .. ".after") end

local function undo(context, e, name)
  local file = require "file"
  local path, kept = file.join(e.home, "skills", name .. ".lua"), before_file(e, name)
  local text = file.read(kept)
  local now, became = file.read(path), file.read(after_file(e, name))
  if text and now and became and require("core.digest").sha256(now) ~= became then
    return nil, errors.new("K1133", { name = "skills/" .. name .. ".lua", before = "var/improve/" .. name .. ".lua" })
  end
  if not text then return nil, errors.new("K1007", { kind = "improvement of skill", name = name, next = "keel improve " .. name }) end
  local ok, message, code = file.write(path, text)
  if not ok then return nil, errors.from(message, code) end
  os.remove(kept)
  os.remove(after_file(e, name))
  context.out(("%s is what it was\n"):format("skills/" .. name .. ".lua"))
  return 0
end

--- Measure the held-apart part: by the local code, and by the model without and with what is learned.
local function measure(context, e, skill, parts, tier)
  local quality = require "quality"
  local out, has_model = {}, skill.manifest.model ~= nil and e.settings.tiers[tier or skill.manifest.model.tier] ~= nil
  local by = { ["local"] = {}, before = {}, after = {} }
  local client = has_model and e:model_client() or nil
  -- what it is shown today, without what it is measured with; then what it would be shown
  local today, then_ = {}, {}
  for i = 1, math.min((skill.manifest.model or {}).shots or 0, #skill.manifest.examples) do
    local one = skill.manifest.examples[i]
    if not is_held_apart(one) then today[#today + 1] = one end
  end
  table.move(parts.learn, 1, #parts.learn, 1, then_)
  table.move(today, 1, #today, #then_ + 1, then_)
  for _, one in ipairs(parts.held) do
    local got = quality.locally(e.library, skill, one, e.settings.zone)
    if got then table.insert(by["local"], got) end
    if client then
      table.insert(by.before, quality.by_model(client, skill, one, { tier = tier, shots = today }))
      table.insert(by.after, quality.by_model(client, skill, one, { tier = tier, shots = then_ }))
    end
  end
  out["local"] = #by["local"] > 0 and quality.sum(by["local"]) or nil
  if client then out.before, out.after = quality.sum(by.before), quality.sum(by.after) end
  return out
end

local function apply(e, skill, parts)
  local file, source = require "file", require "skill_source"
  local path = file.join(e.home, "skills", skill.name .. ".lua")
  local text, message = file.read(path)
  if not text then return nil, errors.new("K1009", { name = path, detail = message }) end
  local examples = {}
  for i, one in ipairs(parts.learn) do examples[i] = { name = one.name, input = one.input, output = one.output } end
  local changed = source.with_examples(text, examples)
  local shots = math.min(most_learned, #examples + ((skill.manifest.model or {}).shots or 0))
  if changed and skill.manifest.model then changed = source.with_model_number(changed, "shots", shots) or changed end
  local made = changed and require("library").of_source("skill", skill.name, "skills/" .. skill.name .. ".lua", changed)
  if not made then return nil, errors.new("K1009", { name = path, detail = "its examples cannot be found; add them by hand" }) end
  local ok, why, code = file.mkdir(file.join(e.home, "var", "improve"))
  -- applied twice in a row, both are taken back by one --undo; what you changed between is kept
  local sha256 = require("core.digest").sha256
  local chained = file.exists(before_file(e, skill.name)) and file.read(after_file(e, skill.name)) == sha256(text)
  if ok and not chained then ok, why, code = file.write(before_file(e, skill.name), text) end
  if ok then ok, why, code = file.write(after_file(e, skill.name), sha256(changed)) end
  if ok then ok, why, code = file.write(path, changed) end
  if not ok then return nil, errors.from(why, code) end
  return true
end

local function tell(context, skill, parts, sums, applied)
  local view, t, terminal = require "view", context.terminal, require "terminal"
  context.out(("%s  %s to learn from, %s held apart\n"):format(t:style("strong", skill.name), view.count(#parts.learn, "edit"), view.count(#parts.held, "example")))
  local rows = {}
  for _, one in ipairs { { "local code", sums["local"] }, { "model, as it is", sums.before }, { "model, shown the edits", sums.after } } do
    local sum = one[2]
    if sum then
      rows[#rows + 1] = { one[1], ("%d of %d"):format(sum.held, sum.n), ("%.3f"):format(sum.score), terminal.money(sum.cost), ("%d"):format(sum.p50_ms or 0) }
    end
  end
  context.out(t:table({ { "by" }, { "hold", right = true }, { "score", right = true }, { "cost", right = true }, { "p50 ms", right = true } }, rows))
  if applied then
    context.out(("written into skills/%s.lua; keel improve %s --undo takes it back\n"):format(skill.name, skill.name))
  elseif #parts.learn == 0 then
    context.out "nothing new was edited of what this skill made: there is nothing to learn from yet\n"
  elseif not sums.after then
    context.out "no model is configured for it: local code does not learn from examples\n"
  else
    context.out(view.next(context, "improve " .. skill.name .. " --apply"))
  end
end

return {
  about = "what a skill would gain from your edits, measured on examples held apart",
  arguments = { { "skill", "SKILL" } },
  flags = {
    { "apply", nil, "write your edits into the skill as examples that its model is shown" },
    { "undo", nil, "take the last --apply back, to the byte" },
    { "tier", "T", "measure with this tier instead of the skill's" },
  },
  notes = "Your edits of what the skill made, and its examples, are divided by their hash: a third is held apart. The model is asked"
    .. " about that third as it is and again shown your edits, through the real client and its budget. Nothing changes without --apply.",
  examples = { "keel improve draft_reply", "keel improve draft_reply --apply", "keel improve draft_reply --undo" },
  run = function(args, context)
    local e, err = context.engine()
    if not e then return nil, err end
    local skill = e.library.skills[args.skill]
    if not skill then
      return nil, e.library:problem_of("skills/" .. args.skill .. ".lua") or errors.new("K1006", { name = args.skill,
        suggestion = require("suggest").nearest(args.skill, e.library.skills) })
    end
    if args.undo then return undo(context, e, args.skill) end
    local parts = split(e, skill)
    local sums = measure(context, e, skill, parts, args.tier)
    local applied = false
    if args.apply and #parts.learn > 0 then
      applied, err = apply(e, skill, parts)
      if not applied then return nil, err end
    end
    if context.json then
      local quality = require "quality"
      context.print_json { skill = skill.name, learned_from = #parts.learn, held_apart = #parts.held, ["local"] = quality.shown(sums["local"]),
        before = quality.shown(sums.before), after = quality.shown(sums.after), applied = applied and true or false }
    else
      tell(context, skill, parts, sums, applied)
    end
    return 0
  end,
}
