--- ctx.sleep: a durable timer.
local duration = require "duration"

return function(cmd)
  local text = cmd.args.duration
  local ms = type(text) == "number" and math.floor(text) or duration.parse(text)
  if not ms or ms < 0 then
    return nil, { code = "error", message = ("ctx.sleep: '%s' is no duration"):format(text), raise = true }
  end
  local over, mark = cmd:rest(ms)
  return over or mark
end
