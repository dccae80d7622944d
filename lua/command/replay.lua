local function tell(context, result)
  local view, terminal = require "view", require "terminal"
  local t = context.terminal
  if result.equal then
    context.out(("%s  %s  %s\n"):format(t:style("strong", terminal.escape(result.run)),
      t:style("good", "replays the same"), t:style("dim", view.count(result.steps or 0, "step"))))
    return
  end
  if result.purged then
    context.out(("%s  %s  %s\n"):format(t:style("strong", terminal.escape(result.run)), t:style("warn", "purged"),
      t:style("dim", terminal.escape(("%s, by %s, %s"):format(result.purged.why, result.purged.by, result.purged.at)))))
    return
  end
  local where = result.file and (" at %s%s"):format(terminal.escape(result.file),
    result.line and ":" .. result.line or "") or ""
  context.out(("%s  %s\n"):format(t:style("strong", terminal.escape(result.run)),
    t:style("bad", ("takes another way at step %s%s"):format(tostring(result.at), where))))
  if result.why then
    context.out(("  %s\n"):format(terminal.escape("what differs: " .. tostring(result.why))))
  end
  context.out(view.sides(t, result))
end

local function ids_of(args, e)
  if not args.all then return { args.run } end
  local list, err = e:list { limit = 1000000 }
  if not list then return nil, err end
  local ids = {}
  for _, run in ipairs(list) do
    if run.state ~= "running" and run.state ~= "queued" then ids[#ids + 1] = run.run end
  end
  for _, left in ipairs(e:tombstones()) do ids[#ids + 1] = left.run end
  return ids
end

--- What one run's result means for the exit code: a purged one among all is no failure.
local function code_of(result, args)
  if result.equal then return 0 end
  if result.purged then return args.all and 0 or 1 end
  return args.with and 1 or 7
end

return {
  about = "play a run again from its journal alone, and compare",
  arguments = { { "run", "RUN", optional = true } },
  flags = {
    { "with", "FILE", "with this source of the agent, or of a skill, instead of the recorded one" },
    { "path", nil, "compare the instructions between calls, too, with that source" },
    { "all", nil, "every run of the store" },
    { "offline", nil, "nothing is sent in any case; accepted for clarity" },
  },
  notes = "Nothing is performed, sent or written. Exit code 0 when the run makes the same"
    .. " calls with the same arguments and ends the same; 7 when it does not; 1 when another"
    .. " source, given by --with, does something else, or the run was purged (--all reports"
    .. " purged runs and passes over them).",
  examples = { "keel replay RUN", "keel replay RUN --with agents/support_triage.lua" },
  run = function(args, context)
    if not args.run and not args.all then
      return nil, require("errors").new("K1003", { command = "replay", name = "RUN" })
    end
    local e, ids, err
    e, err = context.look()
    if not e then return nil, err end
    ids, err = ids_of(args, e)
    if not ids then return nil, err end
    local results, code = require("json").array {}, 0
    for i, id in ipairs(ids) do
      local result
      result, err = e:replay(id, { with = args.with, path = args.path })
      if not result then return nil, err end
      results[i] = result
      code = math.max(code, code_of(result, args))
      if not context.json then tell(context, result) end
    end
    if context.json then context.print_json(args.all and results or results[1]) end
    return code
  end,
}
