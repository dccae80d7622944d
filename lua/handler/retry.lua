--- Between two tries of a step: whether there is another one, and the pause before it.
local retry = require "retry"

return function(cmd)
  local args = cmd.args
  local policy, message = retry.default, nil
  if args.policy ~= nil then policy, message = retry.policy(args.policy) end
  if not policy then return nil, { code = "wrong_use", message = "ctx.step: " .. message, raise = true } end
  local ms = retry.pause(policy, { attempt = args.attempt, code = args.code, since = args.since, now = cmd.now, key = cmd.key })
  if not cmd.intended and not ms then return { again = false } end
  local over, mark = cmd:rest(ms or 0)
  return over and { again = true } or mark
end
