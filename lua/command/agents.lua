local errors = require "errors"
local json = require "json"

local function trigger_text(on)
  if on.kind == "event" then return on.event end
  if on.kind == "cron" then return "cron " .. on.cron end
  if on.kind == "every" then return "every " .. require("duration").format(on.every_ms) end
  if on.kind == "at" then return "at " .. require("rfc3339").format(on.at_ms) end
  return on.kind
end

local function triggers_of(manifest)
  local list = json.array {}
  for i, on in ipairs(manifest.on or {}) do list[i] = trigger_text(on) end
  return list
end

local function row_of(e, name)
  local agent = e.library.agents[name]
  local manifest = agent.manifest
  local last = e:list { agent = name, limit = 1 }[1]
  local state, stopped = e:agent_state(name)
  local published, err = e.reload and e.reload:publication(agent.file), e.library:problem_of(agent.file)
  return { agent = name, version = manifest.version, about = manifest.about,
    published = published and require("rfc3339").format(published.at) or nil,
    problem = err and errors.json(err).error or nil, state = state, why = stopped and stopped.reason or nil, on = triggers_of(manifest), file = agent.file, hash = agent.hash,
    uses = json.array(table.move(manifest.uses or {}, 1, #(manifest.uses or {}), 1, {})),
    last = last and { run = last.run, state = last.state, created = last.created } or nil }
end

local function all_rows(e)
  local rows = json.array {}
  for i, name in ipairs(json.sorted_keys(e.library.agents)) do rows[i] = row_of(e, name) end
  return rows
end


local function table_of(context, rows)
  local view, terminal = require "view", require "terminal"
  local cells = {}
  for i, row in ipairs(rows) do
    local last = row.last
    cells[i] = { row.agent, row.version, row.state, table.concat(row.on, ", "),
      last and ("%s %s"):format(last.state,
        terminal.relative(view.ms(last.created), context.now())) or "",
      row.about, last_state = last and last.state }
  end
  return context.terminal:table({
    { "agent", style = "name", shrink = true, least = 10 }, { "version", right = true },
    { "state" }, { "goes on", shrink = true, least = 12 },
    { "last run", style = function(_, row) return view.state_style(row.last_state) end },
    { "about", shrink = true, least = 12 },
  }, cells)
end

local function list(context, e)
  local rows = all_rows(e)
  if context.json then
    context.print_json(rows)
    return 0
  end
  if #rows == 0 then context.out "no agents\n" end
  context.out(table_of(context, rows))
  for _, err in ipairs(e.library.problems) do
    context.err("\n" .. require("view").problem(context, err) .. "\n")
  end
  for _, text in ipairs(e:warnings()) do context.err("warning: " .. text .. "\n") end
  return 0
end

local function one(context, e, name)
  local agent, err = e.library.agents[name], nil
  if not agent then
    err = e.library:problem_of("agents/" .. name .. ".lua")
      or errors.new("K1005", { name = name,
        suggestion = require("suggest").nearest(name, e.library.agents) })
    return nil, err
  end
  local row, manifest = row_of(e, name), agent.manifest
  row.input, row.output, row.memory = manifest.input, manifest.output, manifest.memory
  row.config = manifest.config
  if context.json then
    context.print_json(row)
    return 0
  end
  local view, t = require "view", context.terminal
  context.out(("%s@%s  %s\n"):format(t:style("strong", row.agent), row.version,
    require("terminal").escape(row.about or "")))
  row.agent, row.version, row.about = nil, nil, nil
  row.hash = row.hash:sub(1, 12)
  context.out(view.value(row, t.width, 2))
  return 0
end

local function switch(context, verb, name, note)
  if not name then return nil, errors.new("K1003", { command = "agents", name = "NAME" }) end
  local e, err = context.engine()
  if not e then return nil, err end
  local state
  state, err = e[verb .. "_agent"](e, name, { note = note, channel = context.channel })
  if not state then return nil, err end
  local ok
  ok, err = e:drain()
  if not ok then return nil, err end
  if context.json then
    context.print_json { agent = name, state = state }
  else
    context.out(("%s is %s\n"):format(require("terminal").escape(name), state))
    if state == "off" then context.out(require("view").next(context, "agents enable " .. name)) end
  end
  return 0
end

return {
  about = "the agents of this home: versions, what they go on, how they fared; switch one off or on",
  arguments = { { "agent", "NAME|enable|disable", optional = true }, { "name", "NAME", optional = true } },
  flags = { { "note", "TEXT", "why, for the record" } },
  notes = "An agent that is off, or that its budget deactivated, begins no runs and makes no paid calls; its events"
    .. " wait. Only `enable` lets a deactivated one go on.",
  examples = { "keel agents", "keel agents disable newsletter", "keel agents enable newsletter" },
  remote = true,
  run = function(args, context)
    if args.agent == "enable" or args.agent == "disable" then return switch(context, args.agent, args.name, args.note) end
    if args.name then return nil, errors.new("K1004", { command = "agents", name = args.name, detail = "one agent at a time" }) end
    local e, err = context.look()
    if not e then return nil, err end
    if args.agent then return one(context, e, args.agent) end
    return list(context, e)
  end,
}
