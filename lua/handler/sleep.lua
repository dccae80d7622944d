--- ctx.sleep: a durable timer.
local duration = require "duration"

return function(cmd)
  local text = cmd.args.duration
  local ms
  if type(text) == "number" then ms = math.tointeger(math.floor(text)) else ms = duration.parse(text) end
  if not ms or ms < 0 or ms > duration.max_ms then
    return nil, { code = "error", message = ("ctx.sleep: '%s' is no duration"):format(text), raise = true }
  end
  local over, mark = cmd:rest(ms)
  return over or mark
end
