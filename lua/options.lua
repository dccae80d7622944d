--- What was written on the command line.
--
--   local globals, name, rest = options.split(words)
--   local args, err = options.parse(rest, command, name, globals)
--   args.agent, args.input, args[1]
--
-- A command is a table that declares
--   arguments = { { "agent", "AGENT", optional = true, many = true }, ... }
--   flags = { { "input", "FILE|-", "what it is for", kind = "count" }, ... }
-- A flag without a value (second field nil) is a switch; `short = "e"` lets it be written
-- -e, too. Flags may stand before,
-- between and after arguments, as `--name value` or `--name=value`; `--` ends
-- them. A dash in a name becomes an underscore in `args`. Kinds: text (the
-- default), count (an integer >= 0), number, duration (to ms), json.
--
-- Nothing here prints: what is wrong comes back as nil, err (K1002, K1003, K1004).

local errors = require "errors"

local options = {}

--- Flags that every command knows.
options.global = {
  { "home", "DIR", "the home to work in (else KEEL_HOME, the current folder if it"
    .. " holds a config.lua, the user's data folder)" },
  { "json", nil, "one JSON value on standard output, errors too" },
  { "no-color", nil, "plain text" },
  { "help", nil, "help for the command" },
}

local function by_name(flags, into)
  into = into or {}
  for _, flag in ipairs(flags or {}) do
    into[flag[1]] = flag
    if flag.short then into["-" .. flag.short] = flag end
  end
  return into
end

local global_by_name = by_name(options.global)

local function key_of(name) return (name:gsub("-", "_")) end

local function help_of(command)
  return command and "keel help " .. command or "keel help"
end

local function unknown_flag(name, command, known)
  local nearest = require("suggest").nearest(name, known)
  return errors.new("K1002", { name = "--" .. name, command = command or "keel",
    suggestion = nearest and "--" .. nearest, next = help_of(command) })
end

local function bad(name, detail, command)
  return errors.new("K1004", { name = name, detail = detail, command = command,
    next = help_of(command) })
end

-- Values ----------------------------------------------------------------------

local kinds = {}

function kinds.text(text) return text end

function kinds.count(text)
  local value = text:find("^%d+$") and math.tointeger(tonumber(text))
  if not value then return nil, ("expected a whole number, got '%s'"):format(text) end
  return value
end

function kinds.number(text)
  local value = tonumber(text)
  if not value or value ~= value then
    return nil, ("expected a number, got '%s'"):format(text)
  end
  return value
end

function kinds.duration(text) return require("duration").parse(text) end

function kinds.json(text)
  local value, why = require("json").decode(text)
  if why then return nil, why end
  return value
end

local function convert(flag, text, command)
  local value, why = kinds[flag.kind or "text"](text)
  if why then return nil, bad("--" .. flag[1], why, command) end
  return value
end

-- Reading ---------------------------------------------------------------------

--- One flag at words[i], put into `args`. Returns the index of the last word
-- that was used up, or nil, err.
local function read_flag(words, i, known, args, command)
  local name, value = words[i]:match("^%-%-([^=]+)=?(.*)$")
  local has_value = words[i]:find("=", 1, true) ~= nil
  if words[i] == "-h" then name, has_value = "help", false end
  local short = words[i]:match("^%-%a$")
  if short and known[short] then name, has_value = known[short][1], false end
  local flag = name and known[name]
  if not flag then
    return nil, unknown_flag(name or words[i]:gsub("^%-+", ""), command, known)
  end
  if not flag[2] then
    if has_value then return nil, bad("--" .. name, "it takes no value", command) end
    args[key_of(name)] = true
    return i
  end
  if not has_value then
    i = i + 1
    value = words[i]
    if value == nil then
      return nil, errors.new("K1003", { command = "--" .. name, name = flag[2],
        next = help_of(command) })
    end
  end
  local converted, err = convert(flag, value, command)
  if err then return nil, err end
  args[key_of(name)] = converted
  return i
end

local function is_flag(word)
  return word:find("^%-") and word ~= "-" and not word:find("^%-[%d.]") or false
end

--- Global flags that stand before the command's name.
-- Returns globals, name, rest; name is nil when there is none. Or nil, err.
function options.split(words)
  local globals, i = {}, 1
  while words[i] and is_flag(words[i]) and words[i] ~= "--" do
    local last, err = read_flag(words, i, global_by_name, globals, nil)
    if not last then return nil, err end
    i = last + 1
  end
  return globals, words[i], table.move(words, i + 1, #words, 1, {})
end

--- For a command that reads its words itself: global flags are taken out, up to
-- a `--`, and the others are left in their order. Returns rest, or nil, err.
function options.take_globals(words, globals, command)
  local rest, i = {}, 1
  while words[i] and words[i] ~= "--" do
    local name = words[i]:match("^%-%-([^=]+)")
    if words[i] == "-h" or name and global_by_name[name] then
      local last, err = read_flag(words, i, global_by_name, globals, command)
      if not last then return nil, err end
      i = last
    else
      rest[#rest + 1] = words[i]
    end
    i = i + 1
  end
  return table.move(words, i, #words, #rest + 1, rest)
end

local function place_arguments(command, name, args)
  local given = #args
  for i, argument in ipairs(command.arguments or {}) do
    local key = key_of(argument[1])
    if argument.many then
      if given < i and not argument.optional then
        return nil, errors.new("K1003", { command = name, name = argument[2] })
      end
      args[key] = table.move(args, i, given, 1, {})
      return args
    end
    if given < i and not argument.optional then
      return nil, errors.new("K1003", { command = name, name = argument[2] })
    end
    args[key] = args[i]
  end
  local most = #(command.arguments or {})
  if given > most then
    return nil, bad(("'%s'"):format(args[most + 1]),
      ("'%s' takes %s"):format(name, most == 0 and "no argument"
        or most == 1 and "one argument" or most .. " arguments"), name)
  end
  return args
end

--- The words after a command's name, read as the command declares them.
-- Global flags go into `globals` (made by options.split). Returns args, or nil, err.
function options.parse(words, command, name, globals)
  local known = by_name(command.flags, by_name(options.global))
  local args, i, flags_end = {}, 1, false
  while words[i] do
    local word = words[i]
    if not flags_end and word == "--" then
      flags_end = true
    elseif not flags_end and is_flag(word) then
      local of_all = word == "-h" or global_by_name[word:match("^%-%-([^=]+)") or ""]
      local into = of_all and globals or args
      local last, err = read_flag(words, i, known, into, name)
      if not last then return nil, err end
      i = last
    else
      args[#args + 1] = word
    end
    i = i + 1
  end
  if globals.help then return args end
  return place_arguments(command, name, args)
end

-- Telling ---------------------------------------------------------------------

local function argument_text(argument)
  local text = argument[2] .. (argument.many and "..." or "")
  return argument.optional and "[" .. text .. "]" or text
end

local function flag_text(flag)
  return "--" .. flag[1] .. (flag[2] and " " .. flag[2] or "")
end

--- "keel run AGENT [--input FILE|-] [--follow]"
function options.usage(command, name)
  if command.usage then return command.usage end
  local out = { "keel " .. name }
  for _, argument in ipairs(command.arguments or {}) do
    out[#out + 1] = argument_text(argument)
  end
  for _, flag in ipairs(command.flags or {}) do
    if not flag.hidden then out[#out + 1] = "[" .. flag_text(flag) .. "]" end
  end
  return table.concat(out, " ")
end

--- Rows { "--input FILE|-", "what it is for" } of a list of flags.
function options.rows(flags)
  local rows = {}
  for _, flag in ipairs(flags or {}) do
    if not flag.hidden then rows[#rows + 1] = { flag_text(flag), flag[3] or "" } end
  end
  return rows
end

return options
