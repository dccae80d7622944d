--- The command line: finds the command, reads its words, tells what came of it.
--
-- A command is lua/command/NAME.lua. It returns a table
--   { about = "one line", arguments = {...}, flags = {...}, examples = {...},
--     notes = "more for its help", run = function(args, context) ... end }
-- (arguments and flags as in options.lua), or only the function, which then gets
-- its words as they are. `raw = true` hands on every word unread. `remote = true`
-- lets a running engine do it when that one owns the store.
--
-- run returns an exit code (nothing: 0), or nil, err; err is told here: a person
-- reads it on standard error, with --json a program reads it on standard output.
-- Only what a command needs is loaded.

local commands = require "commands"
local options = require "options"

-- Telling -------------------------------------------------------------------------

--- An error of any kind as one of the catalogue's.
local function as_error(err, code)
  local errors = require "errors"
  if errors.is(err) then return err end
  if type(err) == "table" and err.message then return errors.from(err.message, err.code) end
  return errors.from(tostring(err), code)
end

--- Tell an error the way that was asked for; returns its exit code.
local function tell(context, err)
  if context.json then
    context.print_json(require("errors").json(err))
  else
    context.err(require("view").problem(context, err) .. "\n")
  end
  return require("errors").exit_code(err)
end

-- Running ---------------------------------------------------------------------------

--- Run a command that reads its own words, all but the flags of every command.
local function run_own(command, name, words, globals, context)
  local rest, err = options.take_globals(words, globals, name)
  if not rest then return nil, err end
  context:set(globals)
  if globals.help then return commands.find("help").run({ command = name }, context) end
  return command.run(rest, context)
end

local function run(command, name, words, globals, context)
  if command.own_words then return run_own(command, name, words, globals, context) end
  if command.raw then
    context:set(globals)
    if globals.help or words[1] == "--help" or words[1] == "-h" then
      return commands.find("help").run({ command = name }, context)
    end
    return command.run(words, context)
  end
  local args, err = options.parse(words, command, name, globals)
  context:set(globals)
  if not args then return nil, err end
  if globals.help then return commands.find("help").run({ command = name }, context) end
  if command.remote then
    -- asked before the command reads its input, which can be read but once
    local answer, lost = context.remote(context.words)
    if answer or lost and lost.number == "K9010" then return answer, lost end
  end
  return command.run(args, context)
end

--- Is --json among words that could not be read to the end?
local function asks_json(words)
  for _, word in ipairs(words) do
    if word == "--" then return false end
    if word == "--json" then return true end
  end
  return false
end

--- Find and run; returns exit code, or nil, err.
local function dispatch(words, context)
  local globals, name, rest = options.split(words)
  if not globals then return nil, name end
  context:set(globals)
  if name == nil then name, globals.help = "help", nil end -- `keel --help`, too, tells of all
  local command = commands.find(name)
  if not command then return nil, commands.unknown(name) end
  context.command_name = name
  local code, err, kind = run(command, name, rest, globals, context)
  if err and err.number == "K9001" and command.remote then
    local answer = context.remote(words)
    if answer then return answer end
  end
  return code, err, kind
end

local function with_trace(message)
  if type(message) == "table" then return message end
  return { trace = debug.traceback(tostring(message), 2), message = tostring(message) }
end

--- What was printed must have arrived: a full disk under `> file` is a failure.
local function flushed(context, code)
  local ok, why = io.stdout:flush()
  if context.lost then ok, why = nil, context.lost end
  if ok or code ~= 0 then return code end
  context.json = false
  return tell(context, require("errors").new("K9005", { name = "standard output",
    detail = why, message = "what was printed did not arrive: " .. tostring(why) }))
end

return function(...)
  local words = { ... }
  local context = require("context").new(words)
  local ok, code, err, kind = xpcall(dispatch, with_trace, words, context)
  if not ok then
    local failure = code
    if failure.trace then io.stderr:write(require("terminal").message(failure.trace), "\n") end
    code = nil
    err = failure.trace and require("errors").new("K9009", { detail = failure.message })
      or failure
  end
  context:close()
  if code == nil and err ~= nil then
    if asks_json(words) and context.command_name ~= "lua" then context.json = true end
    code = tell(context, as_error(err, kind))
  end
  return flushed(context, code or 0)
end
