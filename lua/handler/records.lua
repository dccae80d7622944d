--- ctx.records: structured records with versions, shared by all agents.
local ops = {}

local function need(cmd, field)
  local value = cmd.args[field]
  if type(value) ~= "string" or value == "" then
    error({ code = "error", message = ("ctx.records.%s needs %s (text)"):format(cmd.name, field), raise = true }, 0)
  end
  return value
end

local function public(row)
  return row and { key = row.key, version = row.version, value = row.value } or nil
end

function ops.put(cmd)
  need(cmd, "key")
  if cmd.args.value == nil then
    error({ code = "error", message = "ctx.records.put needs a value", raise = true }, 0)
  end
  cmd.effect = "local"
  cmd.engine:mark_record(cmd)
  cmd.tx:add("record.put", { type = cmd.args.type, key = cmd.args.key, value_json = cmd.args.value,
    now = cmd.now, run = cmd.run.id, seq = cmd.seq })
  cmd.engine:fact_written_by(cmd, { records = cmd.args.type, key = cmd.args.key })
  return { type = cmd.args.type, key = cmd.args.key }
end

function ops.get(cmd)
  need(cmd, "key")
  cmd.effect = "read"
  local row = public(cmd.engine:rows("record.get", { type = cmd.args.type, key = cmd.args.key })[1])
  if row then cmd.engine:saw_records(cmd, { row }) end
  return row and row.value
end

--- { type, where = { field = value }, limit } -> list of { key, version, value }
function ops.find(cmd)
  cmd.effect = "read"
  if cmd.args.limit ~= nil and math.type(cmd.args.limit) ~= "integer" then
    error({ code = "error", message = "ctx.records.find: 'limit' is an integer", raise = true }, 0)
  end
  local rows, message = cmd.engine.store:read("record.find", { type = cmd.args.type, where_json = cmd.args.where,
    limit = cmd.args.limit or 100 })
  if not rows then return nil, { code = "error", message = message } end
  for i, row in ipairs(rows) do rows[i] = public(row) end
  cmd.engine:saw_records(cmd, rows)
  return rows
end

ops["delete"] = function(cmd)
  need(cmd, "key")
  cmd.effect = "local"
  cmd.tx:add("record.drop", { type = cmd.args.type, key = cmd.args.key })
  cmd.engine:fact_written_by(cmd, { records = cmd.args.type, key = cmd.args.key })
  return true
end

return function(cmd) return ops[cmd.name](cmd) end
