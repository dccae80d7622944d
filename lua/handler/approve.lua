--- ctx.approve: a question to the owner, bound to the digest of what is proposed. How it is
--- asked, decided, recalled and spent is in engine/approvals.lua.
local rfc3339 = require "rfc3339"

local outcomes = { approved = "approved", edited = "edited", rejected = "rejected", expired = "expired",
  obsolete = "obsolete" }

local function ask(cmd)
  local request, err = cmd.engine:approval_request(cmd.args, cmd.now)
  if not request then return nil, err end
  local row = cmd.engine:ask_approval(cmd, request)
  cmd:intent("pure")
  if row.due then cmd.engine:set_timer() end
  return true
end

--- What was decided; by the deadline, when nobody else did.
local function verdict(row, obsolete)
  local outcome = obsolete and "obsolete" or outcomes[row.state] or row.state
  local applied = row.decided_by == "deadline" and row.otherwise or nil
  return { outcome = outcome, approved = outcome == "approved" or outcome == "edited",
    value = row.value == nil and row.proposal or row.value, by = row.decided_by, note = row.note,
    at = row.decided_at and rfc3339.format(row.decided_at), applied = applied, id = row.id }
end

local function approval_of(cmd)
  return cmd.engine:rows("approval.of_command", { run = cmd.run.id, seq = cmd.seq })[1]
end

return function(cmd)
  local e = cmd.engine
  if not cmd.intended then
    local ok, err = ask(cmd)
    if not ok then return nil, err end
  end
  local row = approval_of(cmd)
  local ok, why = e:spend(row, e.digest_of(cmd.args.subject, cmd.args.proposal, cmd.args.effect))
  if not ok and (why == "open" or why == "undo") then return cmd:park("approval") end
  if why == "digest" then
    return nil, { code = "digest", message = "what was decided is not what is asked now", raise = true }
  end
  cmd.tx:add("timer.drop", { run = cmd.run.id, seq = cmd.seq })
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  return verdict(row, why == "facts")
end
