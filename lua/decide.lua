--- Deciding a question from the command line: `keel approve`, `keel reject`, `keel reconcile`,
--- and taking that back: `keel recall`.

local decide = {}

--- Decide `id`, let the run go on, and tell both. Returns an exit code, or nil, err.
-- @param decision  as engine:decide takes it, or engine:reconcile
-- @param how       "decide" (the default) or "reconcile"
function decide.run(context, id, decision, how)
  local outcome, terminal = require "outcome", require "terminal"
  local e, item, err
  e, err = context.engine()
  if not e then return nil, err end
  decision.channel = decision.channel or "cli"
  item, err = e[how or "decide"](e, id, decision)
  if not item then return nil, err end
  local ok
  ok, err = e:drain()
  if not ok then return nil, err end
  local run
  run, err = e:describe(item.run)
  if not run then return nil, err end
  local code = outcome.exit_code(run)
  if run.state == "rejected" and decision.state == "rejected" then code = 0 end
  if context.json then
    local all = outcome.json(run)
    item.run_id = nil
    all.approval = item
    context.print_json(all)
    return code
  end
  local t = context.terminal
  context.out(("%s  %s  %s\n\n"):format(t:style("strong", terminal.escape(item.id)),
    t:style(decision.state == "rejected" and "warn" or "good", (item.state:gsub("_", " "))),
    terminal.fit(item.subject or "", t.width)))
  if item.undo_until and not item.spent then
    context.out(("goes on at %s; until then it can be taken back\n"):format(item.undo_until))
    context.out(require("view").next(context, "recall " .. item.id))
    return code
  end
  outcome.report(context, e, run)
  return code
end

--- The exit code of several decisions: 1 when any was refused, else that of the first run
--- that is not done.
local function code_of(rows, decision)
  local code = #rows == 0 and 1 or 0
  for _, row in ipairs(rows) do
    if not row.ok then return 1 end
    local own = require("outcome").exit_code(row.described)
    if row.described.state == "rejected" and decision.state == "rejected" then own = 0 end
    if code == 0 then code = own end
  end
  return code
end

local function print_rows(context, rows)
  local terminal, view, t = require "terminal", require "view", context.terminal
  for _, row in ipairs(rows) do
    context.out(("%s  %s  %s\n"):format(t:style("strong", terminal.escape(row.id)), row.ok and t:style("good", row.state) or t:style("bad", "not decided"),
      row.ok and terminal.fit(row.subject or "", 60) .. "  " .. t:style("dim", "run " .. view.state_text(row.described)) or terminal.escape(row.error.message)))
  end
end

--- Decide several at once, each by its own digest, and tell what came of each.
-- @param items  { { id, digest } | { id, error } }: those with an error are told of, not decided
local function several(context, e, items, decision)
  decision.channel = decision.channel or "cli"
  local wanted, rows, of = {}, {}, {}
  for i, item in ipairs(items) do
    rows[i] = { id = item.id, ok = false, error = item.error }
    if not item.error then
      wanted[#wanted + 1] = item
      of[#wanted] = rows[i]
    end
  end
  for i, one in ipairs(#wanted > 0 and e:decide_many(wanted, decision) or {}) do
    of[i].ok, of[i].state, of[i].error = one.ok, one.state, one.error
  end
  local ok, err = e:drain()
  if not ok then return nil, err end
  for _, row in ipairs(rows) do
    local item = row.ok and e:approval(row.id)
    if item then
      row.described, err = e:describe(item.run)
      if not row.described then return nil, err end
      row.subject, row.run, row.run_state = item.subject, item.run, row.described.state
    end
  end
  local code = code_of(rows, decision)
  if context.json then
    for _, row in ipairs(rows) do row.described = nil end
    context.print_json(require("json").array(rows))
  else
    print_rows(context, rows)
  end
  return code
end

--- Decide those that are named, by their ids or the beginnings of them. Returns an exit code,
--- or nil, err.
function decide.many(context, ids, decision)
  local errors = require "errors"
  local e, err = context.engine()
  if not e then return nil, err end
  local items, seen = {}, {}
  for _, id in ipairs(ids) do
    local item
    item, err = e:approval(id)
    if not item then
      items[#items + 1] = { id = id, error = errors.json(err).error }
    elseif not seen[item.id] then
      seen[item.id] = true
      items[#items + 1] = { id = item.id, digest = item.digest }
    end
  end
  return several(context, e, items, decision)
end

--- Decide every open question that asks the very same thing as `id` (its digest). Returns an
--- exit code, or nil, err.
function decide.same(context, id, decision)
  local e, err = context.engine()
  if not e then return nil, err end
  local first
  first, err = e:approval(id)
  if not first then return nil, err end
  local items = {}
  for _, item in ipairs(e:inbox { all = true }) do
    if item.digest == first.digest and item.kind == "approval" then items[#items + 1] = { id = item.id, digest = item.digest } end
  end
  return several(context, e, items, decision)
end

--- As the words of the command say: one, several, or all that ask the same.
function decide.named(context, command, args, decision)
  local ids = args.ids
  if #ids == 1 then return (args.same and decide.same or decide.run)(context, ids[1], decision) end
  for _, flag in ipairs { "edit", "edit_file", "digest", "same" } do
    if args[flag] then
      return nil, require("errors").new("K1004", { name = "--" .. flag:gsub("_", "-"), command = command, detail = "it is about one question, and several are named" })
    end
  end
  return decide.many(context, ids, decision)
end

return decide
