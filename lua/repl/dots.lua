--- The REPL's own commands: lines that begin with a dot.
--
--   dots.run(repl, ".timing on")  -> true to go on, false to end; or nil, err
--
-- `repl` is { session, door, context, page(text), options } as lua/command/repl.lua has it.
-- Beside these, every command of keel that only looks is one: `.runs --state failed`.
local calls = require "repl.calls"
local quoted = require("context").quoted
local errors = require "errors"
local show = require "repl.show"
local suggest = require "suggest"
local terminal = require "terminal"

local dots = {}

local list, by_name = {}, {}
local function define(name, usage, about, run, arguments)
  local row = { name = name, usage = usage, about = about, run = run, arguments = arguments }
  list[#list + 1], by_name[name] = row, row
end

--- Commands of keel that only look, and those that write.
local looking = { runs = "runs", show = "runs", replay = "runs", events = false, schedule = false, inbox = false, agents = "agents",
  records = "types", memory = false, budget = false, test = "skills", doctor = false, explain = false, version = false, lint = false }
local writing = { run = "agents", emit = false, approve = "inbox", reject = "inbox", reconcile = "inbox", pause = "runs", resume = "runs",
  cancel = "runs", fork = "runs", gc = false }

local function bad(name, detail) return nil, errors.new("K1004", { name = name, detail = detail, next = ".help" }) end

-- ---- help ------------------------------------------------------------------------------

local limits = [[
An entry may take 400 million instructions, about a second of computing, and the session
256 MiB. Ctrl-C stops what runs. Your variables stay: only when a cap ends the sandbox
itself are functions lost, which cannot be copied.
]]

local function about_call(t, row)
  local text = t:style("strong", row.signature) .. (row.write and t:style("warn", "  writes: .write on first") or "") .. "\n"
  for _, line in ipairs(terminal.wrap(row.about, math.min(t.width, 100) - 2)) do text = text .. "  " .. line .. "\n" end
  if row.example then text = text .. "  " .. t:style("dim", "for example ") .. row.example .. "\n" end
  return text
end

local function overview(t)
  local rows, out = {}, {}
  for _, name in ipairs(calls.names()) do
    local row = calls.find(name)
    rows[#rows + 1] = { row.signature, row.write and "writes" or "", row.about }
  end
  out[#out + 1] = "Type Lua: an expression shows its value. _ is the last value, _1 the one before it.\n\n"
  out[#out + 1] = t:table({ { "ask the engine", style = "name", most = 44, shrink = true, least = 20 }, { "" }, { "", shrink = true, least = 20 } },
    rows)
  local cells = {}
  for _, row in ipairs(list) do cells[#cells + 1] = { row.usage, row.about } end
  out[#out + 1] = "\n" .. t:table({ { "commands", style = "name" }, { "", shrink = true, least = 20 } }, cells)
  local names = {}
  for name in pairs(looking) do names[#names + 1] = "." .. name end
  table.sort(names)
  out[#out + 1] = "\nand as on the command line: " .. table.concat(names, " ") .. "\n"
  return table.concat(out)
end

--- All functions below a name: "memory" -> those of memory.
local function of_table(t, name)
  local out = {}
  for _, one in ipairs(calls.names()) do
    if one:sub(1, #name + 1) == name .. "." then out[#out + 1] = about_call(t, calls.find(one)) end
  end
  return #out > 0 and table.concat(out, "\n") or nil
end

local function known_names()
  local known = {}
  for _, name in ipairs(calls.names()) do
    known[name] = true
    local parent = name:match "^(.*)%."
    if parent then known[parent] = true end
  end
  for name in pairs(by_name) do known["." .. name] = true end
  return known
end

--- What is to be said of a name: a function, a table, a dot command, an error's number.
function dots.help(t, name)
  if name == "limits" then return limits end
  local row = calls.find(name)
  if row then return about_call(t, row) end
  local whole = of_table(t, name)
  if whole then return whole end
  local dot = by_name[name:gsub("^%.", "")]
  if dot then return t:style("strong", dot.usage) .. "\n  " .. dot.about .. "\n" end
  if name:find "^[Kk]%d+$" then
    local text, err = errors.explain(name)
    if not text then return nil, err end
    return text .. "\n"
  end
  local entry = require("reference").find(name)
  if entry then
    return ("%s\n  %s\n%s"):format(t:style("strong", entry.signature or name), entry.about or "",
      entry.example and "  for example\n" .. entry.example .. "\n" or "")
  end
  return nil, errors.new("K1007", { kind = "name", name = name, suggestion = suggest.nearest(name, known_names()), next = ".help" })
end

define("help", ".help [NAME]", "what there is, or about a function, a command or an error's number", function(repl, words)
  local t = repl.session.terminal
  if not words[1] then return repl.page(overview(t)) end
  local text, err = dots.help(t, words[1])
  if not text then return nil, err end
  return repl.page(text)
end, function()
  local names = {}
  for name in pairs(known_names()) do names[#names + 1] = { text = name } end
  return names
end)

-- ---- the session ------------------------------------------------------------------------------

local function switch(words, name)
  if words[1] == "on" then return true end
  if words[1] == "off" then return false end
  return bad(name, "expected on or off")
end

local on_off = { { text = "on" }, { text = "off" } }

define("write", ".write on|off", "allow what writes, or not any more; each write is kept in the audit trail", function(repl, words)
  local on, err = switch(words, ".write")
  if on == nil then return nil, err end
  local ok
  ok, err = repl.door:write(on)
  if not ok then return nil, err end
  repl.note(on and "this session may write now; what it writes is kept in the audit trail" or "this session only reads")
  return true
end, on_off)

define("timing", ".timing on|off", "say how long each entry took, its instructions and the memory of the session", function(repl, words)
  local on, err = switch(words, ".timing")
  if on == nil then return nil, err end
  repl.session.timing = on
  return true
end, on_off)

define("mode", ".mode table|tree|json|lua", "how values are shown", function(repl, words)
  if not show.modes[words[1] or ""] then
    local nearest = suggest.nearest(words[1] or "", show.modes)
    return bad(".mode", "expected table, tree, json or lua" .. (nearest and (", did you mean %s?"):format(nearest) or ""))
  end
  repl.session.mode = words[1]
  return true
end, { { text = "table" }, { text = "tree" }, { text = "json" }, { text = "lua" } })

local function count(name, least, most, set)
  return function(repl, words)
    local n = math.tointeger(tonumber(words[1] or ""))
    if not n or n < least or n > most then return bad(name, ("expected a number from %d to %d"):format(least, most)) end
    set(repl, n)
    return true
  end
end

define("limit", ".limit N", "show at most so many rows of a table", count(".limit", 1, 1000000, function(repl, n) repl.session.rows = n end))
define("width", ".width N", "take the terminal as so wide", count(".width", 20, 10000, function(repl, n) repl.session.terminal.width = n end))

define("page", ".page on|off", "show what is longer than the terminal through a pager", function(repl, words)
  local on, err = switch(words, ".page")
  if on == nil then return nil, err end
  repl.paging = on
  return true
end, on_off)

define("home", ".home", "which home this is, and who answers", function(repl)
  return repl.page(("%s\n%s, %s\n"):format(terminal.escape(repl.context.home),
    repl.door.attached and "an engine runs there and answers" or "no engine runs there: the store answers",
    repl.door.writing and "writing is on" or "read-only"))
end)

define("clear", ".clear", "forget the variables of the session", function(repl) return repl.session:clear() end)

define("quit", ".quit", "end; Ctrl-D does the same", function() return false end)

-- ---- commands of keel ---------------------------------------------------------------------------

--- Words as a shell would split them: quotes keep spaces.
local function split(text)
  local words, at = {}, 1
  while true do
    at = text:match("^%s*()", at)
    if at > #text then return words end
    local word = ""
    while at <= #text and not text:find("^%s", at) do
      local quote = text:match("^[\"']", at)
      local piece, stop
      if quote then
        piece, stop = text:match("^" .. quote .. "([^" .. quote .. "]*)" .. quote .. "()", at)
        if not piece then return nil, "a quote is not closed" end
      else
        piece, stop = text:match("^([^%s\"']+)()", at)
      end
      word, at = word .. piece, stop
    end
    words[#words + 1] = word
  end
end

local function writes(name, words)
  if writing[name] ~= nil then return true end
  if name == "memory" then return words[1] == "import" or words[1] == "forget" or words[1] == "gc" end
  if name == "events" then return words[1] == "retry" or words[1] == "drop" end
  return name == "schedule" and (words[1] == "pause" or words[1] == "resume")
end

local function run_command(repl, name, words)
  if writes(name, words) and not repl.door.writing then return nil, errors.new("K1115", { name = "." .. name, next = ".write on" }) end
  local t = repl.session.terminal
  local parts = { "COLUMNS=" .. (t.width == math.huge and "" or math.tointeger(t.width) or ""), t.color and "CLICOLOR_FORCE=1" or "NO_COLOR=1",
    quoted(require("core.program").name), "--home", quoted(repl.context.home), name }
  for _, word in ipairs(words) do parts[#parts + 1] = quoted(word) end
  repl.let_go() -- the command may want the store for itself
  local pipe = io.popen(table.concat(parts, " ") .. " 2>&1 </dev/null")
  local text = pipe:read "a"
  pipe:close()
  return repl.page(text)
end

-- ---- the face --------------------------------------------------------------------------------------

--- Names of dot commands, without the dot.
function dots.names()
  local names = {}
  for _, row in ipairs(list) do names[#names + 1] = row.name end
  for name in pairs(looking) do names[#names + 1] = name end
  for name in pairs(writing) do names[#names + 1] = name end
  return names
end

function dots.about(name)
  local row = by_name[name]
  if row then return row.about end
  local command = require("commands").find(name)
  return command and command.about
end

--- What may stand behind a dot command: candidates, or the name of a source of them.
function dots.arguments(name)
  local row = by_name[name]
  if row then return type(row.arguments) == "function" and row.arguments() or row.arguments end
  return looking[name] or writing[name] or nil
end

function dots.run(repl, text)
  local name, rest = text:match "^%s*%.([%w-]*)%s*(.-)%s*$"
  local words, why = split(rest)
  if not words then return bad("." .. name, why) end
  local row = by_name[name]
  if row then return row.run(repl, words) end
  if (looking[name] ~= nil or writing[name] ~= nil) and require("commands").find(name) then return run_command(repl, name, words) end
  local known = {}
  for _, one in ipairs(dots.names()) do known["." .. one] = true end
  return nil, errors.new("K1116", { next = ".help", name = "." .. name, suggestion = suggest.nearest("." .. name, known) })
end

return dots
