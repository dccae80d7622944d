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
  self:tell_changed("inbox")
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
  for _, row in ipairs(self:rows("approval.of_run", { run = run.id })) do
    if row.kind ~= "approval" or not row.spent then asked[row.seq] = true end
  end
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
  return self:rows("approval.question", { run = cmd.run.id, seq = cmd.seq })[1]
end

--- An answer was taken note of: say so in the journal, in cmd.tx.
function questions:note_answer(cmd, row)
  cmd.tx:add("approval.deliver", { run = cmd.run.id, seq = cmd.seq })
  cmd:note("reconcile", { id = row.id, answer = row.state, value = row.value, by = row.decided_by, at = row.decided_at,
    note = row.note })
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
  return self:close_question(self:rows("approval.get", { id = item.id })[1], { state = answer.answer, value = answer.value,
    by = answer.by, note = answer.note, channel = answer.channel, audit = "reconcile." .. answer.answer })
end

return questions
