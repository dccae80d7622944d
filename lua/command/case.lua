local json = require "json"

local function tell_one(context, told)
  local terminal, view, t = require "terminal", require "view", context.terminal
  local n = #told.differences
  context.out(("%s  %s\n"):format(t:style("strong", terminal.escape(told.case)),
    n == 0 and t:style("good", "holds") or t:style("bad", view.count(n, "difference"))))
  for _, one in ipairs(told.differences) do
    context.out(("  %s%s\n"):format(terminal.escape(one.path), one.why and ": " .. terminal.escape(one.why) or ""))
    for _, side in ipairs { { "expected", one.expected }, { "got", one.got } } do
      local text = side[2] == json.null and "nothing" or view.short(side[2])
      context.out(("    %s  %s\n"):format(t:style("dim", terminal.pad(side[1], 8)), terminal.fit(text, math.max(40, t.width - 14))))
    end
  end
  for _, path in ipairs(told.unchecked) do
    context.out(("  %s\n"):format(t:style("dim", "unchecked: " .. terminal.escape(path))))
  end
  if told.folder then context.out(("  %s\n"):format(t:style("dim", "played in " .. terminal.escape(told.folder)))) end
end

local function as_json(told)
  return { case = told.case, holds = #told.differences == 0, differences = told.differences, unchecked = told.unchecked,
    status = told.run and told.run.state or json.null, run = told.run or json.null, ledger = told.ledger, folder = told.folder }
end

--- The case killed at every step: how many kills, and what came out differently.
local function kill_everywhere(context, path, value)
  local told, err = require("case.kills").everywhere(context.home, value, { file = path })
  if not told then return nil, err end
  local n = #told.differences
  if context.json then
    context.out(json.encode { case = told.case, kills = told.kills, asked = told.asked, paid_again = told.paid_again, holds = n == 0, differences = told.differences } .. "\n")
    return n
  end
  local t, view, terminal = context.terminal, require "view", require "terminal"
  context.out(("%s  %s, %s\n"):format(t:style("strong", terminal.escape(told.case)), view.count(told.kills, "kill"),
    n == 0 and t:style("good", "always the same end") or t:style("bad", view.count(n, "difference"))))
  for _, one in ipairs(told.differences) do
    context.out(terminal.escape(("  killed at %s (%s): %s%s"):format(one.at, one.name, one.path, one.why and ", " .. one.why or "")) .. "\n")
    context.out(("    expected  %s\n    got       %s\n"):format(view.short(one.expected), view.short(one.got)))
  end
  return n
end

return {
  about = "play case files: fixed inputs, clock, replies, answers and faults, and what must come of them",
  arguments = { { "files", "FILE", many = true } },
  flags = { { "kill", nil, "play each case again once for every step, killed after its effect and before its result; the end must be the same" },
    { "keep", nil, "keep the folder that a case was played in, to look at with keel --home" } },
  notes = "A case is played in a home of its own with the agents and skills of this one: an outbox in place of every adapter,"
    .. " a clock that stands still, models and people that say what is written. Exit code 0 when all hold, 1 when one differs,"
    .. " 2 when a file is malformed. The format: spec/cases/case.schema.json.",
  examples = { "keel case spec/cases/W1-base.json", "keel case --json spec/cases/*.json" },
  run = function(args, context)
    local case, errors = require "case", require "errors"
    local life = context.getenv "KEEL_CASE_LIFE"
    if life then
      local value = assert(case.read(args.files[1]))
      assert(case.live(context.home, value, life))
      return 0
    end
    local code = 0
    for _, path in ipairs(args.files) do
      local value, err = case.read(path)
      local told
      if value and args.kill then
        told, err = kill_everywhere(context, path, value)
        if told then
          if told > 0 then code = math.max(code, 1) end
          goto next_file
        end
      elseif value then told, err = case.play(context.home, value, { file = path, keep = args.keep }) end
      if not told then
        if #args.files == 1 then return nil, err end
        if context.json then context.out(json.encode(errors.json(err)) .. "\n")
        else context.err(require("view").problem(context, err) .. "\n") end
        code = math.max(code, 2)
      else
        if #told.differences > 0 then code = math.max(code, 1) end
        if context.json then context.out(json.encode(as_json(told)) .. "\n") else tell_one(context, told) end
      end
      ::next_file::
    end
    return code
  end,
}
