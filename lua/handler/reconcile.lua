--- A compensation that failed: the owner says what became of it.
local json = require "json"

return function(cmd)
  local e = cmd.engine
  local row = e:question_of(cmd)
  if not cmd.intended then
    e:ask_owner(cmd, { kind = "stuck_undo", subject = "undo " .. cmd.name, proposal = { step = cmd.name,
      result = cmd.args.result == nil and json.null or cmd.args.result, error = cmd.args.message } })
    cmd:intent("pure")
    row = e:question_of(cmd)
  end
  if row.state == "open" then return cmd:park("reconcile") end
  e:note_answer(cmd, row)
  return { answer = row.state, value = row.value, by = row.decided_by, note = row.note }
end
