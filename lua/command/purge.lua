local errors = require "errors"

local function names(list, field)
  local out = {}
  for i, row in ipairs(list) do out[i] = field and row[field] or row end
  return table.concat(out, " ")
end

local function count(view, n, one, many) return view.count(n, one, many) end

--- "2 runs, 1 event, 3 memory items, 1 record"
local function sizes(view, runs, events, memory, records)
  return table.concat({ count(view, runs, "run"), count(view, events, "event"),
    count(view, memory, "memory item"), count(view, records, "record") }, ", ")
end

--- What the owner should know beside: what stays, and who else holds the same.
local function tell_rest(context, what)
  local view, escape = require "view", require("terminal").escape
  if what.kept.memory + what.kept.records > 0 then
    context.out(("stays: %s, %s that these runs wrote (--memory takes them too)\n"):format(
      count(view, what.kept.memory, "memory item"), count(view, what.kept.records, "record")))
  end
  if #what.also > 0 then
    context.out("the same input is held by: " .. escape(names(what.also)) .. "\n")
  end
  for _, item in ipairs(what.left) do
    context.out(escape(("left to you: %s %s"):format(item.kind, item.name)) .. "\n")
  end
end

local function tell_plan(context, plan)
  local view, escape = require "view", require("terminal").escape
  context.out(("would go: %s\n"):format(sizes(view, #plan.runs, #plan.events, #plan.memory, #plan.records)))
  for _, row in ipairs(plan.runs) do
    context.out(("  %s  %s  %s\n"):format(escape(row.run), escape(row.agent), escape(row.state)))
  end
  tell_rest(context, plan)
end

local function tell_done(context, done)
  local view, escape = require "view", require("terminal").escape
  context.out(("purged: %s\n"):format(sizes(view, #done.runs, done.events, done.memory, done.records)))
  for _, row in ipairs(done.runs) do
    context.out(("  %s  %s  %s\n"):format(escape(row.run), count(view, row.records, "record"), row.digest or ""))
  end
  if not done.log_emptied then
    context.err("keel: another process is reading the store, so its log still holds old pages: keel gc --vacuum\n")
  end
  tell_rest(context, done)
end

local function plan_json(plan)
  return { dry_run = true, runs = plan.runs, events = plan.events, memory = #plan.memory, records = plan.records,
    also = plan.also, kept = plan.kept, left = plan.left }
end

return {
  about = "delete for good: runs, events, memory, and what holds given words",
  arguments = { { "runs", "RUN", optional = true, many = true } },
  flags = {
    { "run", "RUN", "this run, too" },
    { "event", "ID", "this event and the runs that it began" },
    { "text", "WORDS", "everything that holds these words" },
    { "memory", nil, "with a run, also what it put into memory and records" },
    { "note", "T", "why, for the tombstones and the audit trail" },
    { "dry-run", nil, "only tell what would go" },
    { "yes", nil, "do it: without this nothing is deleted" },
  },
  notes = "A run in flight cannot be purged: cancel it first. Tombstones stay (ids, times, digests), and the money"
    .. " that was spent stays in the ledger. The file is written anew, so steps wait that long. Copies outside of"
    .. " the store are not reached: backups, var/outbox.jsonl, what was sent.",
  examples = { "keel purge RUN --memory --yes --note 'asked to'", "keel purge --text ana@example.org --dry-run" },
  remote = true,
  run = function(args, context)
    local runs = table.move(args.runs or {}, 1, #(args.runs or {}), 1, {})
    if args.run then runs[#runs + 1] = args.run end
    if #runs == 0 and not args.event and not args.text then
      return nil, errors.new("K1003", { command = "purge", name = "RUN, --event or --text" })
    end
    if args.text and #args.text < 3 then
      return nil, errors.new("K1004", { name = "--text", command = "purge", detail = "it needs three characters or more" })
    end
    local e, plan, done, err
    e, err = context.engine()
    if not e then return nil, err end
    plan, err = e:purge_plan { runs = runs, event = args.event, text = args.text, memory = args.memory }
    if not plan then return nil, err end
    if not args.dry_run and not args.yes then
      return nil, errors.new("K1061", { detail = sizes(require "view", #plan.runs, #plan.events, #plan.memory,
        #plan.records) .. " would go" })
    end
    if args.dry_run then
      if context.json then context.print_json(plan_json(plan)) else tell_plan(context, plan) end
      return 0
    end
    done, err = e:purge(plan, { note = args.note })
    if not done then return nil, err end
    if context.json then context.print_json(done) else tell_done(context, done) end
    return 0
  end,
}
