--- What could stand at a place of a command line, for shells, and the scripts that ask.
--
-- A shell's script calls `keel completion --words N WORD...`; the answer is a candidate a
-- line, none where files fit. No engine is opened: agents are files, ids are read from the
-- store.
local commands = require "commands"
local file = require "file"
local json = require "json"
local options = require "options"

local completion = {}

local most = 100

-- ---- what there is ------------------------------------------------------------------------

local function sources_in(home, folder)
  local list = {}
  for _, name in ipairs(file.list(file.join(home, folder)) or {}) do list[#list + 1] = name:match "^([%w_]+)%.lua$" end
  return list
end

local function rows(home, verb, fields, field)
  local path = file.join(home, "var", "keel.db")
  if not file.exists(path) then return {} end
  local db = require("store").open(path, { read_only = true })
  if not db then return {} end
  local list = {}
  for _, row in ipairs(db:read(verb, fields) or {}) do list[#list + 1] = row[field] end
  db:close()
  return list
end

local function command_names()
  local list = {}
  for _, group in ipairs(commands.present()) do
    for _, row in ipairs(group.rows) do list[#list + 1] = row[1] end
  end
  return list
end

--- By what an argument or a flag is called in help.
local kinds = {
  AGENT = function(home) return sources_in(home, "agents") end,
  SKILL = function(home) return sources_in(home, "skills") end,
  RUN = function(home) return rows(home, "run.list", { limit = most }, "run") end,
  ID = function(home) return rows(home, "approval.open", {}, "id") end,
  STATE = function() return require("selection").states end,
  COMMAND = command_names,
  ["NUMBER|RUN"] = function() return require("errors").numbers() end,
  ["bash|zsh|fish"] = function() return { "bash", "zsh", "fish" } end,
}

local function of_kind(home, meta, command)
  if meta == "NAME" and command.flags then meta = "AGENT" end
  if kinds[meta] then return kinds[meta](home) end
  if meta:find "^%l[%l|]*$" then -- verbs: import|search|...
    local list = {}
    for word in meta:gmatch "[^|]+" do list[#list + 1] = word end
    return list
  end
  return {}
end

-- ---- a place --------------------------------------------------------------------------------

local function flags_of(command)
  local list = {}
  for _, of in ipairs { command and command.flags or {}, options.global } do
    for _, flag in ipairs(of) do
      if not flag.hidden then list[#list + 1] = flag end
    end
  end
  return list
end

local function flag_named(command, word)
  for _, flag in ipairs(flags_of(command)) do
    if word == "--" .. flag[1] or flag.short and word == "-" .. flag.short then return flag end
  end
end

--- The command of the words before a place, how many arguments stand there, and the flag
--- that waits for a value.
local function read_words(words, n)
  local command, arguments, waiting
  for i = 2, n do
    local word = words[i]
    if waiting then
      waiting = nil
    elseif word:sub(1, 1) == "-" and word ~= "-" then
      local flag = flag_named(command, word)
      waiting = flag and flag[2] and flag or nil
    elseif not command then
      command, arguments = commands.find(word), 0
      if not command then return nil end
    else
      arguments = arguments + 1
    end
  end
  return true, command, arguments, waiting
end

local function candidates(home, words, at)
  local known, command, arguments, waiting = read_words(words, at - 1)
  local current = words[at] or ""
  if not known then return {} end
  if waiting then return of_kind(home, waiting[2], command or {}) end
  if current:sub(1, 1) == "-" then
    local list = {}
    for i, flag in ipairs(flags_of(command)) do list[i] = "--" .. flag[1] end
    return list
  end
  if not command then return command_names() end
  local declared = command.arguments or {}
  local argument = declared[arguments + 1] or declared[#declared] and declared[#declared].many and declared[#declared]
  return argument and of_kind(home, argument[2], command) or {}
end

--- What could stand at words[at] (words[1] is the program): a sorted list of texts.
function completion.at(home, words, at)
  local current, list = words[at] or "", {}
  for _, text in ipairs(candidates(home, words, at)) do
    if text:sub(1, #current) == current then list[#list + 1] = text end
  end
  table.sort(list)
  return list
end

-- ---- scripts ----------------------------------------------------------------------------------

completion.scripts = {
  bash = [==[
# keel for bash: source it, or put it into bash-completion's folder as `keel`.
_keel() {
	local IFS=$'\n'
	COMPREPLY=($("${COMP_WORDS[0]}" completion --words "$COMP_CWORD" "${COMP_WORDS[@]}" 2>/dev/null))
}
complete -o default -F _keel keel
]==],
  zsh = [==[
#compdef keel
# keel for zsh: put it into a folder of $fpath as `_keel`.
_keel() {
	local -a found
	found=("${(@f)$("${words[1]}" completion --words $((CURRENT - 1)) "${words[@]}" 2>/dev/null)}")
	if [[ -n "${found[1]}" ]]; then
		compadd -a found
	else
		_files
	fi
}
if [[ "${funcstack[1]}" = _keel ]]; then _keel "$@"; else compdef _keel keel; fi
]==],
  fish = [==[
# keel for fish: put it into ~/.config/fish/completions/keel.fish.
function __keel_complete
	set -l before (commandline -opc)
	$before[1] completion --words (count $before) $before (commandline -ct) 2>/dev/null
end
complete -c keel -a '(__keel_complete)'
]==],
}

return completion
