--- Any words of a command line: arguments, or an error that names a word.
local choices = require "choices"
local commands = require "commands"
local errors = require "errors"
local options = require "options"

local names = { "run", "runs", "show", "inbox", "approve", "reject", "records", "memory", "schedule", "emit", "events", "purge",
  "fork", "budget", "gc", "bench", "model", "agents", "explain", "help", "test", "replay", "cancel" }
local words = { "--json", "--home", "x", "--", "-h", "--help", "--limit", "--limit=5", "-1", "--since", "1h", "--input", "{}",
  "--input={", "--follow", "--nope", "-", "--=", "---", "--no-color", "--type", "", "--at", "5m", "--home=", "-j", "\xff" }

return function(bytes)
  local c = choices.of(bytes)
  local line = { c:pick(names) }
  while c:more() and #line < 12 do
    local word = c:below(3) == 0 and c:text(6) or c:pick(words)
    table.insert(line, c:below(4) == 0 and 1 or #line + 1, word)
  end
  local globals, name, rest = options.split(line)
  if not globals then return assert(errors.is(name) and name.number ~= "K9009", "no error of ours") end
  local command = name and commands.find(name)
  if type(command) ~= "table" or not command.flags and not command.arguments then return end
  local args, err = options.parse(rest, command, name, globals)
  if args then return end
  assert(errors.is(err) and err.number ~= "K9009" and tostring(err) ~= "", "no error of ours")
end
