--- Deciding a question from the command line: `keel approve`, `keel reject`, `keel reconcile`.

local decide = {}

--- Decide `id`, let the run go on, and tell both. Returns an exit code, or nil, err.
-- @param decision  as engine:decide takes it, or engine:reconcile
-- @param how       "decide" (the default) or "reconcile"
function decide.run(context, id, decision, how)
  local outcome, terminal = require "outcome", require "terminal"
  local e, item, err
  e, err = context.engine()
  if not e then return nil, err end
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
  outcome.report(context, e, run)
  return code
end

return decide
