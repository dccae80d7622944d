--- keel audit: the trail of who did what, and whether it is what was written.
local function list(args, context)
  local e, err = context.look()
  if not e then return nil, err end
  local rows = e:audit { who = args.who, what = args.what, subject = args.subject, run = args.run,
    limit = args.limit or 50 }
  if context.json then
    context.print_json(rows)
    return 0
  end
  if #rows == 0 then
    context.out "the audit trail has no such row\n"
    return 0
  end
  local view, cells = require "view", {}
  for i, row in ipairs(rows) do
    cells[i] = { row.id, row.time, row.who, row.what, row.subject or row.run or "",
      row.scrubbed and "words were purged" or view.short(row.detail) }
  end
  context.out(context.terminal:table({ { "row", right = true }, { "time" }, { "who", style = "name" }, { "what" },
    { "subject", shrink = true, least = 12 }, { "detail", shrink = true, least = 12 } }, cells))
  return 0
end

local function verify(_, context)
  local e, err = context.look()
  if not e then return nil, err end
  local found
  found, err = e:audit_verify()
  if not found then return nil, err end
  if context.json then
    context.print_json(found)
    return found.ok and 0 or 1
  end
  local t, terminal = context.terminal, require "terminal"
  context.out(("%s  %d rows, %d anchored, %d not yet; %d ms\n"):format(found.ok and t:style("good", "whole")
    or t:style("bad", "broken"), found.rows, found.anchored, found.unanchored, found.ms))
  local cells = {}
  for _, one in ipairs(found.begun) do
    if one.accepted then
      context.out(("rows %d to %d are held to each other alone: anchors were begun anew at row %d, which was accepted\n")
        :format(one.from, one.to, one.id))
    end
  end
  for i, one in ipairs(found.problems) do cells[i] = { one.kind, one.id, terminal.escape(one.what) } end
  if #cells > 0 then
    context.out(t:table({ { "kind", style = "bad" }, { "row", right = true }, { "what", shrink = true, least = 20 } }, cells))
  end
  if found.count > #cells then context.out(("and %d more\n"):format(found.count - #cells)) end
  return found.ok and 0 or 1
end

local function accept(args, context)
  local answer, lost = context.remote(context.words)
  if answer or lost and lost.number == "K9010" then return answer, lost end
  local e, err = context.engine()
  if not e then return nil, err end
  local list
  list, err = e:audit_accept { note = args.note }
  if not list then return nil, err end
  if context.json then
    context.print_json(list)
  elseif #list == 0 then
    context.out "nothing was begun anew that is not accepted\n"
  else
    for _, one in ipairs(list) do context.out(("row %d is accepted: rows %d to %d are held to each other alone\n"):format(one.id, one.from, one.to)) end
  end
  return 0
end

return {
  about = "who did what, newest first; and whether the trail is what was written",
  arguments = { { "action", "list|verify|accept", optional = true } },
  flags = { { "who", "NAME", "rows of this person or part of the engine" },
    { "what", "WORD", "rows of this kind: approval.approved, effect, purge, ..." },
    { "subject", "TEXT", "rows about this" },
    { "run", "RUN", "rows of this run" },
    { "limit", "N", "at most so many rows (50)", kind = "count" },
    { "note", "TEXT", "accept: why the anchors were begun anew, for the record" } },
  notes = "`keel audit verify` reads every row, holds it to the row before and to var/audit.anchor, and names what was"
    .. " changed, inserted, cut or put elsewhere (exit code 1). Rows younger than a second may not be anchored yet."
    .. " Anchors that were taken away, cut or put back are missed, and begun anew as a row; `keel audit accept` says that"
    .. " you know why.",
  run = function(args, context)
    local action = args.action or "list"
    if action == "verify" then return verify(args, context) end
    if action == "accept" then return accept(args, context) end
    if action == "list" then return list(args, context) end
    return nil, require("errors").new("K1001", { name = "audit " .. action,
      suggestion = require("suggest").nearest(action, { "list", "verify", "accept" }) })
  end,
}
