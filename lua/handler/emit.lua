--- ctx.emit: an event, published in the same transaction as the step.
return function(cmd)
  local e, args = cmd.engine, cmd.args
  local says = { args.payload, args.key, cmd.name }
  cmd.effect = "local"
  -- in the transaction of the step: a crash keeps both or neither
  local id = e:event_id()
  local ok, message = pcall(cmd.tx.add, cmd.tx, "event.put", { event = id, type = cmd.name, key = args.key,
    payload_codec = args.payload, now = cmd.now, trust = e:is_tainted(cmd.run, says) and "external" or "agent" })
  if not ok then return nil, { code = "error", message = message, raise = true } end
  cmd.tx:add("uses.published", { event = id, run = cmd.run.id, seq = cmd.seq })
  if e:is_private(cmd.run, says) then cmd.tx:add("uses.private_event", { event = id }) end
  e:after(cmd, function() e:pump() end)
  return true
end
