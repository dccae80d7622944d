--- ctx.atomic: several writes that become true together, or not at all.
local json = require "json"

local writers = { memory = require "handler.memory", records = require "handler.records", emit = require "handler.emit" }

return function(cmd)
  local results, calls = json.array {}, {}
  for i, op in ipairs(cmd.args.ops) do
    local writer = writers[op.kind]
    if not writer then error({ code = "wrong_use", raise = true, message = "ctx.atomic takes writes only" }, 0) end
    -- the command itself, but for what is asked
    local part = setmetatable({ kind = op.kind, name = op.name, args = op.args }, { __index = cmd })
    local value, err = writer(part)
    if err then
      cmd.tx = cmd.engine.store:tx() -- what was gathered must not become true
      return nil, err
    end
    results[i] = value == nil and json.null or value
    calls[#calls + 1] = part.after
  end
  cmd.effect = "local"
  cmd.engine:after(cmd, function()
    for _, call in ipairs(calls) do call() end
  end)
  return results
end
