--- ctx.call: another agent as a child run, its output as the result.
local function child_of(cmd)
  local rows = cmd.engine:rows("run.by_key", { agent = cmd.name, key = "call/" .. cmd.key })
  return rows[1]
end

return function(cmd)
  local e = cmd.engine
  if not cmd.intended then cmd:intent("pure") end
  local child = child_of(cmd)
  if not child then
    local run, err = e:start(cmd.name, cmd.args.input, { key = "call/" .. cmd.key, parent = cmd.run.id,
      parent_seq = cmd.seq })
    if not run then return nil, err end
    child = child_of(cmd)
  end
  if not child.ended then return cmd:park("child") end
  if child.state == "done" then return child.output end
  local err = child.error or {}
  return nil, { code = err.code or child.state, message = ("%s ended as %s: %s"):format(cmd.name, child.state,
    err.message or child.state) }
end
