local commands = require "commands"
local options = require "options"
local terminal = require "terminal"

local function all(context)
  local t = context.terminal
  local out, width = {}, 0
  local groups = commands.present()
  for _, group in ipairs(groups) do
    for _, row in ipairs(group.rows) do width = math.max(width, #row[1]) end
  end
  out[#out + 1] = "keel runs agents that are written in Lua: durable, bounded,"
    .. " and never without you.\n\n  keel COMMAND [--home DIR] [--json] [--help]\n"
  for _, group in ipairs(groups) do
    out[#out + 1] = "\n" .. t:style("dim", group.title) .. "\n"
    for _, row in ipairs(group.rows) do
      local about = row[2].about or ""
      out[#out + 1] = ("  %s  %s"):format(t:style("name", terminal.pad(row[1], width)),
        terminal.fit(about, t.width - width - 4)):gsub(" +$", "") .. "\n"
    end
  end
  out[#out + 1] = "\nkeel help COMMAND tells more; keel explain K2101 explains an error.\n"
  return table.concat(out)
end

local function flags_text(t, title, flags)
  local rows = options.rows(flags)
  if #rows == 0 then return "" end
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, #row[1]) end
  local out = { "\n" .. t:style("dim", title) .. "\n" }
  for _, row in ipairs(rows) do
    local lines = terminal.wrap(row[2], math.min(t.width, 100) - width - 4)
    for i, line in ipairs(#lines > 0 and lines or { "" }) do
      out[#out + 1] = ("  %s  %s\n"):format(terminal.pad(i == 1 and row[1] or "", width), line)
    end
  end
  return table.concat(out)
end

--- A usage line, broken before a [flag] when it is too long.
local function usage_text(usage, width)
  local out, line = {}, ""
  for piece in (usage:gsub("%s(%[)", "\n%1") .. "\n"):gmatch("([^\n]*)\n") do
    if line ~= "" and #line + 1 + #piece > width - 4 then
      out[#out + 1], line = line, "    " .. piece
    else
      line = line == "" and piece or line .. " " .. piece
    end
  end
  out[#out + 1] = line
  return "  " .. table.concat(out, "\n  ")
end

local function one(context, name, command)
  local t = context.terminal
  local width = math.min(t.width, 100)
  local out = {}
  if command.about then out[1] = command.about .. "\n\n" end
  out[#out + 1] = usage_text(options.usage(command, name), width) .. "\n"
  if command.notes then
    out[#out + 1] = "\n" .. table.concat(terminal.wrap(command.notes, width), "\n") .. "\n"
  end
  out[#out + 1] = flags_text(t, "flags", command.flags)
  if not command.raw then out[#out + 1] = flags_text(t, "flags of every command", options.global) end
  if command.examples then
    out[#out + 1] = "\n" .. t:style("dim", "for example") .. "\n"
    for _, example in ipairs(command.examples) do out[#out + 1] = "  " .. example .. "\n" end
  end
  return table.concat(out)
end

local function as_json(name, command)
  local list = require("json").array {}
  for i, flag in ipairs(command.flags or {}) do
    list[i] = { name = flag[1], value = flag[2], about = flag[3] }
  end
  return { command = name, about = command.about, usage = options.usage(command, name),
    flags = list }
end

local function run(args, context)
  if args.man then
    context.out(require("manpage")(require("core.program").version))
    return 0
  end
  local name = args.command
  local command = name and commands.find(name)
  if name and not command then return nil, commands.unknown(name) end
  if context.json then
    local list = require("json").array {}
    for _, group in ipairs(commands.present()) do
      for _, row in ipairs(group.rows) do list[#list + 1] = as_json(row[1], row[2]) end
    end
    context.print_json(command and as_json(name, command) or list)
  else
    context.out(command and one(context, name, command) or all(context))
  end
  return 0
end

return {
  about = "what there is to type",
  arguments = { { "command", "COMMAND", optional = true } },
  flags = { { "man", nil, "the manual page, for man(1)" } },
  run = run,
}
