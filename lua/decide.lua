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

--- Decide every open question that asks the very same thing as `id` (its digest). Returns an
--- exit code, or nil, err.
function decide.same(context, id, decision)
  local terminal = require "terminal"
  local e, err = context.engine()
  if not e then return nil, err end
  local first
  first, err = e:approval(id)
  if not first then return nil, err end
  local items = {}
  for _, item in ipairs(e:inbox { all = true }) do
    if item.digest == first.digest and item.kind == "approval" then items[#items + 1] = { id = item.id, digest = item.digest } end
  end
  decision.channel = "cli"
  local list = e:decide_many(items, decision)
  local ok
  ok, err = e:drain()
  if not ok then return nil, err end
  local code = #list == 0 and 1 or 0
  for _, one in ipairs(list) do
    if not one.ok then code = 1 end
    if not context.json then
      context.out(("%s  %s\n"):format(terminal.escape(one.id), one.ok and one.state or one.error.message))
    end
  end
  if context.json then context.print_json(list) end
  return code
end

return decide
