--- The manual page keel(1), made of the commands' own tables (man(7) macros).
local commands = require "commands"
local options = require "options"

--- Text for roff: no line of it is a request, dashes stay dashes.
local function plain(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("'", "\\(aq"):gsub("\n([.])", "\n\\&%1"):gsub("^([.])", "\\&%1"))
end

local function rows(out, list)
  for _, row in ipairs(list) do
    out[#out + 1] = ".TP\n.B " .. plain(row[1])
    out[#out + 1] = plain(row[2])
  end
end

local function command_of(out, name, command)
  out[#out + 1] = ".SS " .. plain(options.usage(command, name))
  out[#out + 1] = plain(command.about:sub(1, 1):upper() .. command.about:sub(2)) .. "."
  if command.notes then out[#out + 1] = plain(command.notes) end
  rows(out, options.rows(command.flags))
  for _, example in ipairs(command.examples or {}) do
    out[#out + 1] = ".IP \"\" 4\n.B " .. plain(example)
  end
end

local exits = { { "0", "ok" }, { "1", "a check or comparison does not hold" }, { "2", "wrong use" }, { "3", "the script failed" },
  { "4", "a cap was reached" }, { "5", "the budget refused" }, { "6", "it waits for a person" },
  { "7", "it diverged, or an effect's outcome is unknown" }, { "8", "a provider or the network" },
  { "9", "the store: locked, disk full, damaged" }, { "10", "config.lua or a manifest is wrong" }, { "130", "interrupted" } }

--- The page as text.
return function(version)
  local out = { ('.TH KEEL 1 "" "keel %s" "Keel"'):format(version), ".SH NAME", "keel \\- runs the agents of a one\\-person company",
    ".SH SYNOPSIS", ".B keel", "[\\-\\-home DIR] [\\-\\-json] COMMAND ...", ".SH DESCRIPTION",
    plain("Keel runs agents, Lua scripts in sandboxes, durably: what they did survives a crash and is not done again, what they"
      .. " spend is held in budgets, and you are asked before anything that you want to be asked about."), ".SH OPTIONS OF EVERY COMMAND" }
  rows(out, options.rows(options.global))
  out[#out + 1] = ".SH COMMANDS"
  for _, group in ipairs(commands.present()) do
    for _, row in ipairs(group.rows) do command_of(out, row[1], row[2]) end
  end
  out[#out + 1] = ".SH EXIT STATUS"
  rows(out, exits)
  out[#out + 1] = ".SH ENVIRONMENT"
  rows(out, { { "KEEL_HOME", "the home, where --home is not given" }, { "KEEL_PAGER, PAGER", "how keel repl shows what is long" },
    { "NO_COLOR", "plain text" } })
  out[#out + 1] = ".SH FILES"
  rows(out, { { "config.lua, agents/, skills/", "yours" }, { "var/keel.db", "the store" }, { "var/engine.sock", "where a running engine answers" },
    { "var/token", "what HTTP clients show" } })
  return table.concat(out, "\n") .. "\n"
end
