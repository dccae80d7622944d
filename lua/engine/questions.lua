--- Effects whose outcome nobody knows, and compensations that failed: questions to the
-- owner, beside the approvals of agents and in the same inbox.
--
-- A question is a row of `approvals` of kind "reconcile" (did this effect happen?) or
-- "stuck_undo" (this could not be undone). Answers: happened (with its result),
-- not_happened (so it is tried again), undo, abandon. What is answered is a row, an audit
-- line and a note in the run's journal, with who, when and why.
--
-- Methods of the engine (lua/engine.lua), in a file of their own.
local clock = require "core.clock"
local crash = require "core.crash"
local digest = require "core.digest"
local errors = require "errors"
local json = require "json"

local questions = {}

--- Put a question into cmd.tx: { kind, subject, proposal, risk }.
function questions:ask_owner(cmd, question)
  cmd.tx:add("approval.put", { id = digest.make_id("rec", cmd.now, clock.random()), kind = question.kind, run = cmd.run.id,
    seq = cmd.seq, agent = cmd.run.agent, subject = question.subject, proposal_codec = question.proposal,
    digest = digest.sha256(json.pack { subject = question.subject, proposal = question.proposal }),
    risk = question.risk, otherwise = "hold", now = self.clock() })
end

--- Effects that were on their way when the engine ended, and for which no command of the
--- script waits any more since ctx.any or a timeout gave them up: nobody else would ask.
--- Called with the commands that do wait, when a run that was recovered comes to a rest.
function questions:ask_about_lost(run, tx)
  if run.handle:risky() == 0 then return end -- the journal need not be read
  local open, asked = {}, {}
  for _, record in ipairs(self:journal { id = run.id, tail = run.last or run.handle:tail(), state = "waiting" }) do
    if record.kind == "intent" and record.effect == "at_most_once" and not run.pending[record.seq] then open[record.seq] = record end
    if record.kind == "result" or record.kind == "note" and record.name == "late" then open[record.seq] = nil end
  end
  for _, row in ipairs(self:rows("approval.of_run", { run = run.id })) do asked[row.seq] = true end
  for seq, record in pairs(open) do
    if not asked[seq] then
      local name, key = record.name:match("^skill:(.*)$") or record.name, ("%s/%d"):format(run.run, seq)
      self:ask_owner({ tx = tx, run = run, seq = seq, now = self.clock() }, { kind = "reconcile", subject = name .. " " .. key,
        proposal = { adapter = name, op = record.args and record.args.op, key = key, args = record.args, orphan = true,
          why = "the engine ended while it was on its way, and the run went on without it" } })
    end
  end
end

--- The newest question about a command, or nil.
function questions:question_of(cmd)
  return self:rows("approval.of_command", { run = cmd.run.id, seq = cmd.seq })[1]
end

--- An answer was taken note of: say so in the journal, in cmd.tx.
function questions:note_answer(cmd, row)
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  cmd:note("reconcile", { id = row.id, answer = row.state, value = row.value, by = row.decided_by, at = row.decided_at,
    note = row.note })
end

--- Write a decision down and let the run go on. Returns the item as it is then, or nil, err.
local function close_question(self, item, decision)
  if item.state ~= "open" then return nil, errors.new("K1014", { name = item.id, detail = item.state }) end
  local tx, now, who = self.store:tx(), self.clock(), decision.by or self.settings.owner or "owner"
  tx:add("approval.decide", { id = item.id, state = decision.state, value_codec = decision.value, by = who, now = now,
    note = decision.note, digest = item.digest })
  if type(item.proposal) == "table" and item.proposal.orphan then -- no command waits for the answer
    tx:add("approval.deliver", { run = item.run_id, seq = item.seq })
  end
  tx:add("audit.put", { now = now, who = who, what = decision.audit, subject = item.subject,
    detail_codec = { question = item.id, run = item.run, digest = item.digest, note = decision.note } })
  crash.point "decide"
  local ok, message, code = self:commit(tx)
  crash.point "decided"
  if not ok then
    return nil, code == "conflict" and errors.new("K1014", { name = item.id }) or errors.from(message, code)
  end
  self:wake(item.run_id)
  return self:approval(item.id)
end

--- Decide an open approval: { state = "approved"|"edited"|"rejected", value, by, note }.
-- Durable when it returns; the run goes on in the next drain. Returns the item, or nil, err.
function questions:decide(id, decision)
  local item, err = self:approval(id)
  if not item then return nil, err end
  if item.kind ~= "approval" then return nil, errors.new("K1041", { name = item.id, command = "reconcile" }) end
  return close_question(self, item, { state = decision.state, value = decision.value, by = decision.by, note = decision.note,
    audit = "approval." .. decision.state })
end

--- Answer an open question: { answer, value, by, note }. Durable when it returns; the run
--- goes on in the next drain. Returns the item, or nil, err.
function questions:reconcile(id, answer)
  local item, err = self:approval(id)
  if not item then return nil, err end
  if item.kind == "approval" then return nil, errors.new("K1041", { name = item.id, command = "approve" }) end
  if answer.answer == "undo" and item.kind == "reconcile" and not item.proposal.undo then
    return nil, errors.new("K7006", { name = item.subject, id = item.id })
  end
  return close_question(self, item, { state = answer.answer, value = answer.value, by = answer.by, note = answer.note,
    audit = "reconcile." .. answer.answer })
end

return questions
