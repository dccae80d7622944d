--- keel overrides: what the owner decided otherwise than agents proposed.
local errors = require "errors"

local function usage(number, fields)
  fields.command = "overrides"
  return errors.new(number, fields)
end

local function listed(args, context)
  local e, err = context.look()
  if not e then return nil, err end
  return e:overrides { skill = args.skill, agent = args.agent, limit = args.limit }
end

local function list(_, args, context)
  local view = require "view"
  local all, err = listed(args, context)
  if not all then return nil, err end
  if context.json then
    for _, one in ipairs(all) do one.source = nil end
    context.print_json(all)
    return 0
  end
  if #all == 0 then
    context.out "nothing was decided otherwise than it was proposed\n"
    return 0
  end
  local rows = {}
  for i, one in ipairs(all) do
    rows[i] = { one.at, one.outcome, one.subject, one.skill or "", one.by or "", view.short(one.reason or "") }
  end
  context.out(context.terminal:table({ { "when" }, { "said" }, { "subject", style = "name", shrink = true, least = 10 },
    { "skill" }, { "by" }, { "why", shrink = true, least = 10 } }, rows))
  return 0
end

--- One JSON value a line: what was proposed, what was decided, why.
local function export(_, args, context)
  args.limit = args.limit or 1000
  local all, err = listed(args, context)
  if not all then return nil, err end
  for _, one in ipairs(all) do
    one.source = nil
    context.print_json(one)
  end
  return 0
end

-- ---- an example ----------------------------------------------------------------------

local function turn_into_example(skill, args, context)
  if not skill then return nil, usage("K1003", { name = "SKILL" }) end
  local file, json = require "file", require "json"
  local e, err = context.look()
  if not e then return nil, err end
  local examples = {}
  for _, one in ipairs(e:overrides { skill = skill, limit = args.limit or 20 }) do
    local example = e.as_example(one)
    if example and (not args.id or one.id:sub(1, #args.id) == args.id) then examples[#examples + 1] = example end
  end
  if #examples == 0 then return nil, errors.new("K1007", { kind = "edit of what skill made", name = skill, next = "keel overrides list" }) end
  if not args.write then
    context.print_json(json.array(examples))
    return 0
  end
  local path = file.join(e.home, "skills", skill .. ".lua")
  local text, message = file.read(path)
  if not text then return nil, errors.new("K1009", { name = path, detail = message }) end
  local changed = require("skill_source").with_examples(text, examples)
  local made = changed and require("library").of_source("skill", skill, "skills/" .. skill .. ".lua", changed)
  if not made then return nil, errors.new("K1009", { name = path, detail = "its examples cannot be found; add them by hand" }) end
  local ok, why, code = file.write(path, changed)
  if not ok then return nil, errors.from(why, code) end
  context.out(("%s has %s more\n"):format(path, require("view").count(#examples, "example")))
  return 0
end

-- ---- again -----------------------------------------------------------------------------

local words = { same = "the same", differs = "differs", not_asked = "is not asked", not_reached = "is not reached" }

local function apply(agent, args, context)
  if not agent then return nil, usage("K1003", { name = "AGENT" }) end
  local terminal = require "terminal"
  local e, err = context.look()
  if not e then return nil, err end
  local with = args.with or require("file").join(e.home, "agents", agent .. ".lua")
  local all
  all, err = e:reapply { agent = agent, with = with, limit = args.limit }
  if not all then return nil, err end
  local code = 0
  for _, one in ipairs(all) do
    if one.verdict ~= "same" then code = 1 end
    if not context.json then
      context.out(("%s  %s  %s\n"):format(terminal.escape(one.run), terminal.escape(one.subject), words[one.verdict]))
      for _, change in ipairs(one.diff or {}) do
        context.out(("    %s: %s -> %s\n"):format(terminal.escape(change.path), require("view").short(change.from),
          require("view").short(change.to)))
      end
    end
  end
  if context.json then context.print_json(all) end
  return code
end

--- What equal decisions suggest.
local function suggestions(_, _, context)
  local e, err = context.look()
  if not e then return nil, err end
  local all = e:suggestions()
  if context.json then
    context.print_json(all)
    return 0
  end
  local terminal, view = require "terminal", require "view"
  if #all == 0 then context.out "nothing was decided the same way three times in 30 days\n" end
  for _, one in ipairs(all) do
    context.out(("%s\n  %s\n  evidence: %s\n"):format(terminal.escape(one.words), view.short(one.change), table.concat(one.evidence, " ")))
  end
  return 0
end

local actions = { list = list, suggestions = suggestions, export = export, ["turn-into-example"] = turn_into_example, apply = apply }

return {
  about = "what you decided otherwise than was proposed, and what to learn from it",
  arguments = { { "action", "list|export|suggestions|turn-into-example|apply", optional = true }, { "name", "SKILL|AGENT", optional = true } },
  flags = {
    { "skill", "SKILL", "only what this skill had proposed" },
    { "agent", "AGENT", "only questions of this agent" },
    { "limit", "N", "at most so many", kind = "count" },
    { "id", "ID", "turn-into-example: only this one" },
    { "write", nil, "turn-into-example: into skills/SKILL.lua, instead of showing it" },
    { "with", "FILE", "apply: this source of the agent, instead of agents/AGENT.lua" },
  },
  notes = "Every edit and every no is kept with the run and replayed with it. `turn-into-example` makes of an edit"
    .. " an example of the skill that had proposed: `keel test` holds it to that. `suggestions` tells what was decided the"
    .. " same way three times in 30 days. `apply` gives the recorded decisions to"
    .. " an agent as it is now and tells which questions it would ask differently; exit code 1 when there are some.",
  examples = { "keel overrides", "keel overrides turn-into-example draft_reply --write", "keel overrides apply support_triage" },
  run = function(args, context)
    local action = actions[args.action or "list"]
    if not action then
      return nil, usage("K1001", { name = "overrides " .. args.action, suggestion = require("suggest").nearest(args.action, actions) })
    end
    return action(args.name, args, context)
  end,
}
