--- ctx.approve: a question to the owner, bound to the digest of what is proposed.
local clock = require "core.clock"
local digest = require "core.digest"
local duration = require "duration"
local json = require "json"
local rfc3339 = require "rfc3339"

local outcomes = { approved = "approved", edited = "edited", rejected = "rejected", expired = "expired",
  obsolete = "obsolete" }

local function digest_of(args)
  return digest.sha256(json.pack { subject = args.subject, proposal = args.proposal })
end

local function ask(cmd)
  local e, run, args = cmd.engine, cmd.run, cmd.args
  local within, message
  if args.within ~= nil then within, message = duration.parse(args.within) end
  if message then return nil, { code = "error", message = "ctx.approve: 'within': " .. message, raise = true } end
  for _, name in ipairs { "otherwise", "risk" } do
    if args[name] ~= nil and type(args[name]) ~= "string" then
      return nil, { code = "error", message = ("ctx.approve: '%s' is a word"):format(name), raise = true }
    end
  end
  local deadline = within and cmd.now + within
  cmd.tx:add("approval.put", { id = digest.make_id("apr", cmd.now, clock.random()), kind = "approval", run = run.id,
    seq = cmd.seq, agent = run.agent, subject = args.subject, proposal_codec = args.proposal,
    digest = digest_of(args),
    risk = args.risk, deadline = deadline, otherwise = args.otherwise or "hold", now = cmd.now })
  if deadline then cmd.tx:add("timer.put", { run = run.id, seq = cmd.seq, due = deadline }) end
  cmd:intent("pure")
  if deadline then e:set_timer() end
  return true
end

--- What was decided; by the deadline, when nobody else did.
local function verdict(row)
  local outcome = outcomes[row.state] or row.state
  local applied = row.decided_by == "deadline" and row.otherwise or nil
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
    return
  end
  local tx = cmd.engine.store:tx()
  tx:add("approval.decide", { id = row.id, state = otherwise == "reject" and "rejected" or "expired", by = "deadline",
    now = cmd.now, digest = row.digest })
  cmd.engine:commit(tx) -- refused when the owner was faster, whose word then holds
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
  if row.state == "open" and row.deadline and row.deadline <= e.clock() and not cmd.held then
    cmd.held = true
    expire(cmd, row)
    row = approval_of(cmd)
  end
  if row.state == "open" then return cmd:park("approval") end
  if row.digest ~= digest_of(cmd.args) then
    return nil, { code = "digest", message = "what was decided is not what is asked now", raise = true }
  end
  cmd.tx:add("timer.drop", { run = cmd.run.id, seq = cmd.seq })
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  return verdict(row)
end
