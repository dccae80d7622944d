--- ctx.emit: an event, published in the same transaction as the step.
return function(cmd)
  local e, args = cmd.engine, cmd.args
  cmd.effect = "local"
  -- without a key of its own the event is unique by its place in the run, so a replay
  -- of the command after a crash cannot publish it twice
  cmd.tx:add("event.put", { type = cmd.name, key = args.key or cmd.key, payload_codec = args.payload,
    now = cmd.now, trust = "agent" })
  e:after(cmd, function() e:pump() end)
  return true
end
