--- ctx.wait: until an event of a type arrives, or until a time is over.
local duration = require "duration"

local function first_time(cmd)
  local e, run, args = cmd.engine, cmd.run, cmd.args
  local within, message
  if args.within ~= nil then within, message = duration.parse(args.within) end
  if message then return nil, { code = "error", message = "ctx.wait: 'within': " .. message, raise = true } end
  if args.where ~= nil and type(args.where) ~= "table" then
    return nil, { code = "error", message = "ctx.wait: 'where' is a table of payload fields", raise = true }
  end
  cmd.tx:add("wait.put", { run = run.id, seq = cmd.seq, type = args.event, match_json = args.where })
  if within then cmd.tx:add("timer.put", { run = run.id, seq = cmd.seq, due = cmd.now + within }) end
  cmd:intent("pure")
  if within then e:set_timer() end
  return true
end

return function(cmd)
  local e, run = cmd.engine, cmd.run
  if not cmd.intended then
    local ok, err = first_time(cmd)
    if not ok then return nil, err end
  end
  local place = run.id .. "/" .. cmd.seq
  local event = e.arrived[place]
  local due = (e:rows("timer.get", { run = run.id, seq = cmd.seq })[1] or {}).due
  if not event and not (due and due <= e.clock()) then return cmd:park("event") end
  e.arrived[place] = nil
  cmd.tx:add("wait.drop", { run = run.id, seq = cmd.seq })
  cmd.tx:add("timer.drop", { run = run.id, seq = cmd.seq })
  if event then return event end
  return nil, { code = "timeout", message = ("no %s within %s"):format(cmd.args.event, cmd.args.within) }
end
