local json = require "json"

local function row_json(row)
  local rfc3339 = require "rfc3339"
  return { type = row.type, key = row.key, version = row.version, value = row.value,
    created = rfc3339.format(row.created), updated = rfc3339.format(row.updated) }
end

local function types(context, e)
  local found = e:record_types()
  if context.json then
    local out = json.array {}
    for i, row in ipairs(found) do out[i] = { type = row.type, count = row.n } end
    context.print_json(out)
    return 0
  end
  if #found == 0 then
    context.out "no records\n"
    return 0
  end
  local rows = {}
  for i, row in ipairs(found) do rows[i] = { row.type, row.n } end
  context.out(context.terminal:table({ { "type", style = "name" },
    { "records", right = true } }, rows))
  return 0
end

local function of_type(context, e, kind, key)
  local found, picked = e:records(kind), json.array {}
  for _, row in ipairs(found) do
    if key == nil or row.key == key then picked[#picked + 1] = row_json(row) end
  end
  if key and #picked == 0 then
    return nil, require("errors").new("K1007", { kind = kind, name = key, next = "keel records " .. kind })
  end
  if context.json then
    context.print_json(key and picked[1] or picked)
    return 0
  end
  local view, terminal, t = require "view", require "terminal", context.terminal
  if key then
    local row = picked[1]
    context.out(("%s %s  %s\n"):format(terminal.escape(kind), t:style("strong", terminal.escape(key)),
      t:style("dim", ("version %d, %s"):format(row.version, row.updated))))
    context.out(view.value(row.value, t.width, 2))
    return 0
  end
  if #picked == 0 then
    context.out(("no records of type '%s'\n"):format(terminal.escape(kind)))
    return 0
  end
  local rows = {}
  for i, row in ipairs(picked) do
    rows[i] = { row.key, row.version, terminal.relative(view.ms(row.updated), context.now()),
      view.short(row.value) }
  end
  context.out(t:table({ { "key", style = "name", shrink = true, least = 10, most = 48 },
    { "version", right = true }, { "changed", right = true },
    { "value", shrink = true, least = 16, most = 120 } }, rows))
  return 0
end

return {
  about = "what agents keep: types, records of a type, one record",
  arguments = { { "type", "TYPE", optional = true }, { "key", "KEY", optional = true } },
  examples = { "keel records", "keel records task", "keel records task T-1" },
  run = function(args, context)
    local e, err = context.look()
    if not e then return nil, err end
    if not args.type then return types(context, e) end
    return of_type(context, e, args.type, args.key)
  end,
}
