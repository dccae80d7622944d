local errors = require "errors"
local json = require "json"
local selection = require "selection"

local function list(args, context)
  local filter, err = selection.filter(args, context, "runs")
  if not filter then return nil, err end
  local e, found
  e, err = context.look()
  if not e then return nil, err end
  found, err = e:list(filter)
  if not found then return nil, err end
  if context.json then
    local outcome = require "outcome"
    for i, run in ipairs(found) do found[i] = outcome.json(run) end
    context.print_json(found)
  elseif #found == 0 then
    context.out "no runs\n"
  else
    context.out(require("view").runs(context.terminal, found, context.now()))
  end
  return 0
end

-- ---- move ----------------------------------------------------------------------------

--- The runs that could be moved: those named, or all in flight on older code.
local function candidates(e, args)
  if #args.run > 0 then return args.run end
  local ids = {}
  for _, told in ipairs(e:gate_all(args.agent)) do ids[#ids + 1] = told.run end
  return ids
end

local function tell(context, told)
  local t, terminal = context.terminal, require "terminal"
  local what = told.current and t:style("dim", "is on the present code already")
    or told.moved and t:style("good", "moved")
    or told.compatible and t:style("good", "could move")
    or t:style("bad", ("stays: it takes another way at step %s (%s)"):format(tostring(told.at), tostring(told.why)))
  context.out(("%s  %s  %d -> %d  %s\n"):format(t:style("strong", terminal.escape(told.run)), terminal.escape(told.agent),
    told.from, told.to, what))
  if told.compatible then return end
  local function side(title, one)
    if json.absent(one) then return end
    local where = one.file and (" at %s%s"):format(one.file, one.line and ":" .. one.line or "") or ""
    context.out(terminal.fit(("    %-9s %s%s  %s"):format(title, one.name or "?", where,
      require("view").short(one.args)), t.width) .. "\n")
  end
  side("recorded", told.recorded)
  side("now", told.new)
end

--- Classify, and move what is compatible. Exit 1 when one is not.
local function move(args, context)
  local answer, lost = context.remote(context.words)
  if answer or lost and lost.number == "K9010" then return answer, lost end
  local e, err = context.engine()
  if not e then return nil, err end
  local results, code = json.array {}, 0
  for i, id in ipairs(candidates(e, args)) do
    local told
    if args.dry_run then told, err = e:gate(id) else told, err = e:move(id, { note = args.note }) end
    if not told then return nil, err end
    results[i] = told
    if not told.compatible then code = 1 end
    if not context.json then tell(context, told) end
  end
  local ok
  ok, err = e:drain()
  if not ok then return nil, err end
  if context.json then context.print_json(results)
  elseif #results == 0 then context.out "no run in flight is on older code\n" end
  return code
end

return {
  about = "what ran and what runs, newest first",
  arguments = { { "what", "move", optional = true }, { "run", "RUN", optional = true, many = true } },
  flags = selection.with {
    { "limit", "N", "at most so many (50)", kind = "count" },
    { "dry-run", nil, "move: only say which would go on the same" },
    { "note", "TEXT", "move: why, for the record" },
  },
  notes = "`keel runs move` lets runs in flight go on with their agent as it is now, those named or"
    .. " all that stand on older code: each is played against it first, and moves only when it"
    .. " makes the same calls. Exit code 1 when one does not.",
  examples = { "keel runs --state failed --since 1d", "keel runs --agent support_triage --json",
    "keel runs move --agent support_triage --dry-run" },
  run = function(args, context)
    if args.what == nil then return list(args, context) end
    if args.what == "move" then return move(args, context) end
    return nil, errors.new("K1004", { name = args.what, command = "runs", detail = "expected 'move' or nothing",
      suggestion = require("suggest").nearest(args.what, { "move" }) })
  end,
}
