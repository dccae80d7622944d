--- The reference pages, made of what the program says itself: keel lua docs/reference.lua
--- writes docs/reference/*.md; with an argument (a folder) it writes them there.
local commands = require "commands"
local errors = require "errors"
local file = require "file"
local options = require "options"
local reference = require "reference"

local made = "Made by `keel lua docs/reference.lua`; a change here is lost.\n"

local function cell(text) return ((text or ""):gsub("|", "\\|"):gsub("\n", " ")) end

local function ctx_page()
  local out = { "# What agents see: ctx\n", made, "`keel api NAME` says the same, and `.help NAME` in the REPL. What may be left out is marked `?`.\n" }
  for _, name in ipairs(reference.names()) do
    local entry = reference.find(name)
    out[#out + 1] = ("## %s\n\n    %s\n\n%s\n"):format(name, entry.signature, entry.about)
    if #entry.params > 0 then
      out[#out + 1] = "| takes | type | |\n|---|---|---|"
      for _, one in ipairs(entry.params) do
        out[#out + 1] = ("| `%s%s` | `%s` | %s |"):format(one.name, one.optional and "?" or "", cell(one.type), cell(one.about))
      end
      out[#out + 1] = ""
    end
    local gives = {}
    for i, one in ipairs(entry.returns) do gives[i] = ("`%s`%s"):format(one.type, one.about ~= "" and " " .. one.about or "") end
    if #gives > 0 then out[#out + 1] = "Gives " .. table.concat(gives, ", ") .. ".\n" end
    if entry.type then out[#out + 1] = ("Its type is `%s`.\n"):format(entry.type) end
    out[#out + 1] = ("```lua\n%s\n```\n"):format(entry.example)
  end
  return table.concat(out, "\n")
end

local function cli_page()
  local out = { "# The command line\n", made, "Every command knows:\n", "| flag | |\n|---|---|" }
  for _, row in ipairs(options.rows(options.global)) do out[#out + 1] = ("| `%s` | %s |"):format(cell(row[1]), cell(row[2])) end
  for _, group in ipairs(commands.present()) do
    out[#out + 1] = ("\n## %s"):format(group.title:sub(1, 1):upper() .. group.title:sub(2))
    for _, row in ipairs(group.rows) do
      local name, command = row[1], row[2]
      out[#out + 1] = ("\n### keel %s\n\n    %s\n\n%s.\n"):format(name, options.usage(command, name), command.about:sub(1, 1):upper() .. command.about:sub(2))
      if command.notes then out[#out + 1] = command.notes .. "\n" end
      local rows = options.rows(command.flags)
      if #rows > 0 then
        out[#out + 1] = "| flag | |\n|---|---|"
        for _, flag in ipairs(rows) do out[#out + 1] = ("| `%s` | %s |"):format(cell(flag[1]), cell(flag[2])) end
        out[#out + 1] = ""
      end
      for _, example in ipairs(command.examples or {}) do out[#out + 1] = "    " .. example end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local topics = { "Usage", "Configuration, manifests, schemas", "Scripts", "Caps", "Budgets", "Waiting for a person",
  "Divergence and reconciliation", "Providers and network", "Store and machine" }

local function errors_page()
  local out = { "# Errors\n", made, "`keel explain NUMBER` says the same.", }
  local topic
  for _, number in ipairs(errors.numbers()) do
    local entry = errors.entry(number)
    local now = tonumber(number:sub(2, 2))
    if now ~= topic then out[#out + 1] = ("\n## %s\n\n| number | code | exit | what | why | next |\n|---|---|---|---|---|---|"):format(topics[now]) end
    topic = now
    out[#out + 1] = ("| %s | `%s` | %d | %s | %s | `%s` |"):format(number, entry.code, entry.exit, cell(entry.title), cell(entry.cause), cell(entry.next))
  end
  return table.concat(out, "\n") .. "\n"
end

local function fields_table(name)
  local out = { "| field | takes | default | |\n|---|---|---|---|" }
  for _, one in ipairs(require("reference.files").fields(name)) do
    out[#out + 1] = ("| `%s` | %s | %s | %s |"):format(one.path, cell(one.takes), one.required and "needed" or one.default and "`" .. cell(one.default) .. "`" or "",
      cell(one.about))
  end
  return table.concat(out, "\n") .. "\n"
end

local function config_page()
  return table.concat({ "# config.lua\n", made, "A Lua file that returns one table and sees nothing but `env(NAME)`. `NAME` stands for a name of your own,"
    .. " `[]` for each of a list. A key that is not here is an error with its line.\n", fields_table "config" }, "\n")
end

local function manifest_page()
  return table.concat({ "# Manifests\n", made, "What `agent { ... }` and `skill { ... }` take. `[]` stands for each of a list.\n", "## agent\n",
    fields_table "agent", "## skill\n", fields_table "skill" }, "\n")
end

local folder = arg and arg[1] or "docs/reference"
assert(file.mkdir(folder))
for name, text in pairs { ctx = ctx_page(), cli = cli_page(), errors = errors_page(), config = config_page(),
  manifest = manifest_page() } do
  assert(file.write(folder .. "/" .. name .. ".md", text))
end
