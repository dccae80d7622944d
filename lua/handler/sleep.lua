--- ctx.sleep: a durable timer.
local duration = require "duration"

return function(cmd)
  local e, run = cmd.engine, cmd.run
  if not cmd.intended then
    local text = cmd.args.duration
    local ms = type(text) == "number" and math.floor(text) or duration.parse(text)
    if not ms or ms < 0 then
      return nil, { code = "error", message = ("ctx.sleep: '%s' is no duration"):format(text), raise = true }
    end
    cmd.tx:add("timer.put", { run = run.id, seq = cmd.seq, due = cmd.now + ms })
    cmd:intent("pure")
    e:set_timer()
  end
  local row = e:rows("timer.get", { run = run.id, seq = cmd.seq })[1]
  if row and row.due > e.clock() then return cmd:park("timer") end
  cmd.tx:add("timer.drop", { run = run.id, seq = cmd.seq })
  return true
end
