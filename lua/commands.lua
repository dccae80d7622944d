--- The commands: in which order help shows them, and where they are.
local commands = {}

--- Groups { title, name... }. A name whose module is not there is passed over.
commands.groups = {
  { "agents at work", "run", "runs", "top", "show", "replay", "why", "trace", "emit", "events", "schedule" },
  { "your decisions", "inbox", "approve", "reject", "snooze", "recall", "reconcile", "overrides",
    "pause", "resume", "cancel", "fork" },
  { "what is there", "agents", "records", "memory", "budget", "costs", "audit", "purge", "gc" },
  { "writing agents", "init", "dev", "api", "lint", "test", "improve", "case", "repl", "model", "sandbox", "lua",
    "demo", "bench" },
  { "the engine", "serve", "doctor", "backup", "restore", "upgrade-check", "completion", "explain",
    "version", "help" },
}

--- A command as a table; nil when there is none of that name. `own_words` marks one
-- whose module is a function that reads its words itself. A dash in a name is an
-- underscore in its file's.
function commands.find(name)
  if not name:find("^%l[%l%d-]*$") then return nil end
  local module = name:gsub("-", "_")
  local ok, command = pcall(require, "command." .. module)
  if ok and type(command) == "function" then
    return { run = command, own_words = true, usage = ("keel %s ..."):format(name) }
  end
  if ok then return command end
  local missing = ("module 'command.%s' not found"):format(module)
  if command:sub(1, #missing) == missing then return nil end
  error(command, 0)
end

--- The groups with what is there: { title, rows = { { name, command } ... } }.
function commands.present()
  local groups = {}
  for _, group in ipairs(commands.groups) do
    local rows = {}
    for i = 2, #group do
      local command = commands.find(group[i])
      if command then rows[#rows + 1] = { group[i], command } end
    end
    if #rows > 0 then groups[#groups + 1] = { title = group[1], rows = rows } end
  end
  return groups
end

--- The error for a name that is none, with the nearest that is.
function commands.unknown(name)
  local known = {}
  for _, group in ipairs(commands.present()) do
    for _, row in ipairs(group.rows) do known[#known + 1] = row[1] end
  end
  return require("errors").new("K1001", { name = name,
    suggestion = require("suggest").nearest(name, known) })
end

return commands
