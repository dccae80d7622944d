local file = require "file"
local json = require "json"

local styles = { error = "bad", warning = "warn", hint = "dim" }

local function as_json(findings)
  local list = json.array {}
  for i, one in ipairs(findings) do
    list[i] = { file = one.file, line = one.line, column = one.column, number = one.number, code = one.code, level = one.level,
      message = one.message, hint = one.expected or one.suggestion and ("did you mean '%s'?"):format(one.suggestion) or nil,
      path = one.path, next = one.next }
  end
  return list
end

local function tell(context, findings, files)
  local lint, t = require "lint", context.terminal
  local plain = setmetatable({ no_color = true }, { __index = context }) -- the head is coloured here, by its level
  for _, one in ipairs(findings) do
    local text = require("view").problem(plain, one)
    local number, rest = text:match "^(%S+ [%w_]+): (.*)$"
    context.out(("%s %s\n\n"):format(t:style(styles[one.level], one.level .. ": " .. number .. ":"), rest))
  end
  local counts, parts = lint.count(findings), {}
  for _, level in ipairs { "error", "warning", "hint" } do
    local n = counts[level]
    if n > 0 then parts[#parts + 1] = ("%d %s%s"):format(n, level, n == 1 and "" or "s") end
  end
  context.out(("%s in %d file%s\n"):format(#parts > 0 and table.concat(parts, ", ") or t:style("good", "nothing to mend"), files,
    files == 1 and "" or "s"))
end

--- What runs were recorded with is asked of the store, when there is one.
local function recorded(context, around, paths)
  if #paths > 0 or not around.config or not file.exists(file.join(context.home, "var", "keel.db")) then return {} end
  local e = context.look()
  return e and require("lint").kept_versions(around, e) or {}
end

return {
  about = "find the mistakes that a replay, the sandbox or a manifest's check would punish, before anything runs",
  arguments = { { "file", "FILE", optional = true, many = true } },
  examples = { "keel lint", "keel lint agents/triage.lua", "keel lint case.json --json", "keel explain K2322" },
  notes = "Without a file: config.lua, agents/ and skills/ of the home. FILE.json is checked as a case file. A comment"
    .. " `-- lint: allow K2307` at a line, alone before it, or above the first line of code for the whole file, lets a"
    .. " finding pass.\n\nExit code 0: nothing, or hints only; 1: an error or a warning; 2: a case file is malformed; 3: a"
    .. " file is no Lua; 10: a manifest or config.lua is refused.",
  run = function(args, context)
    local lint = require "lint"
    local paths = {}
    for i, path in ipairs(args.file or args) do paths[i] = path end
    if #paths == 0 and file.kind(context.home) ~= "folder" then
      return nil, require("errors").new("K1013", { name = context.home })
    end
    local around = lint.around(context.home)
    local findings, files = lint.files(around, paths)
    if not findings then return nil, files end
    for _, one in ipairs(recorded(context, around, paths)) do findings[#findings + 1] = one end
    if context.json then context.print_json(as_json(findings)) else tell(context, findings, files) end
    return lint.exit_code(findings)
  end,
}
