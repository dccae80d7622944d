--- ctx.approve: a question to the owner, bound to the digest of what is proposed.
local clock = require "core.clock"
local digest = require "core.digest"
local duration = require "duration"
local json = require "json"
local rfc3339 = require "rfc3339"

local outcomes = { approved = "approved", edited = "edited", rejected = "rejected", expired = "expired",
  obsolete = "obsolete" }

local function ask(cmd)
  local e, run, args = cmd.engine, cmd.run, cmd.args
  local within = args.within and duration.parse(args.within)
  if args.within and not within then
    return nil, { code = "error", message = ("'%s' is no duration"):format(args.within), raise = true }
  end
  local deadline = within and cmd.now + within
  cmd.tx:add("approval.put", { id = digest.make_id("apr", cmd.now, clock.random()), kind = "approval", run = run.id,
    seq = cmd.seq, agent = run.agent, subject = args.subject, proposal_codec = args.proposal,
    digest = digest.sha256(json.pack { subject = args.subject, proposal = args.proposal }),
    risk = args.risk, deadline = deadline, otherwise = args.otherwise or "hold", now = cmd.now })
  if deadline then cmd.tx:add("timer.put", { run = run.id, seq = cmd.seq, due = deadline }) end
  cmd:intent("pure")
  if deadline then e:set_timer() end
  return true
end

local function verdict(row, outcome, applied)
  return { outcome = outcome, approved = outcome == "approved" or outcome == "edited",
    value = row.value == nil and row.proposal or row.value, by = row.decided_by, note = row.note,
    at = row.decided_at and rfc3339.format(row.decided_at), applied = applied, id = row.id }
end

--- The deadline passed and nobody decided: what the script said should happen then.
local function expire(cmd, row)
  local otherwise = row.otherwise or "hold"
  if otherwise == "hold" or otherwise == "escalate" then
    local tx = cmd.engine.store:tx()
    tx:add("timer.drop", { run = cmd.run.id, seq = cmd.seq })
    cmd.engine:commit(tx)
    return nil
  end
  local rejected = otherwise == "reject"
  cmd.tx:add("approval.decide", { id = row.id, state = rejected and "rejected" or "expired", by = "deadline",
    now = cmd.now, digest = row.digest })
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  row.decided_by, row.decided_at = "deadline", cmd.now
  return verdict(row, rejected and "rejected" or "expired", otherwise)
end

return function(cmd)
  local e = cmd.engine
  if not cmd.intended then
    local ok, err = ask(cmd)
    if not ok then return nil, err end
  end
  local row = e:rows("approval.of_command", { run = cmd.run.id, seq = cmd.seq })[1]
  if row.state == "open" then
    local expired = row.deadline and row.deadline <= e.clock() and expire(cmd, row)
    if expired then return expired end
    return cmd:park("approval")
  end
  cmd.tx:add("timer.drop", { run = cmd.run.id, seq = cmd.seq })
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  return verdict(row, outcomes[row.state] or row.state)
end
