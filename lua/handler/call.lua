--- ctx.call: another agent as a child run, its output as the result.
local function child_of(cmd)
  local rows = cmd.engine:rows("run.by_key", { agent = cmd.name, key = "call/" .. cmd.key })
  return rows[1]
end

--- So many runs may wait for each other: an agent that calls itself ends, and does not
--- fill the store.
local deepest = 32

local function too_deep(e, id)
  local n = 0
  while id and n < deepest do
    local row = e:rows("run.to_wake", { id = id })[1]
    id, n = row and row.parent, n + 1
  end
  return n >= deepest
end

return function(cmd)
  local e = cmd.engine
  if not cmd.intended then cmd:intent("pure") end
  local child = child_of(cmd)
  if not child then
    if too_deep(e, cmd.run.parent) then
      return nil, { code = "too_deep", message = ("%s is called by %d runs that wait for each other"):format(cmd.name, deepest) }
    end
    local run, err = e:start(cmd.name, cmd.args.input, { key = "call/" .. cmd.key, parent = cmd.run.id,
      parent_seq = cmd.seq, trust = e:is_tainted(cmd.run, cmd.args.input) and "external" or nil,
      private = e:is_private(cmd.run, cmd.args.input) })
    if not run then return nil, err end
    child = child_of(cmd)
  end
  if not child.ended then return cmd:park("child") end
  e:saw_child(cmd.run, cmd.seq, child)
  if child.state == "done" then return child.output end
  local err = child.error or {}
  return nil, { code = err.code or child.state, message = ("%s ended as %s: %s"):format(cmd.name, child.state,
    err.message or child.state) }
end
