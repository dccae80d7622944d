--- What could stand where the cursor is: names in the session's tables, and inside of
--- quotes what the engine has there (agents, runs, memory's kinds and keys, ...).
--
--   complete(session, line, cursor)  -> from, candidates
--
-- `cursor` is the number of bytes before it; what lies from byte `from` up to there is
-- what a candidate would replace: { text, note? }. Nothing that was typed is run, and
-- whatever fails gives no candidates.
local calls = require "repl.calls"

local keywords = { "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "if", "in", "local", "nil", "not", "or",
  "repeat", "return", "then", "true", "until", "while" }

local most = 500

-- ---- what the engine has ----------------------------------------------------------------

local function asked(session, name, ...)
  local ok, rows = pcall(session.door.ask, session.door, name, { ... })
  return ok and type(rows) == "table" and rows or {}
end

local function column(rows, field, note)
  local list, seen = {}, {}
  for _, row in ipairs(rows) do
    local value = row[field]
    if type(value) == "string" and not seen[value] and #list < most then
      seen[value] = true
      list[#list + 1] = { text = value, note = note and type(row[note]) == "string" and row[note] or nil }
    end
  end
  return list
end

local sources = {}
function sources.agents(session) return column(asked(session, "agents.list"), "agent", "about") end
function sources.skills(session) return column(asked(session, "skills.list"), "skill", "about") end
function sources.runs(session) return column(asked(session, "runs.list", { limit = 200 }), "run", "state") end
function sources.inbox(session) return column(asked(session, "inbox"), "id", "subject") end
function sources.events(session) return column(asked(session, "events.list", { limit = 200 }), "id", "type") end
function sources.types(session) return column(asked(session, "records.types"), "type") end
function sources.kinds(session) return column(asked(session, "memory.stats"), "kind") end
function sources.spaces(session) return column(asked(session, "memory.stats"), "ns") end
function sources.states()
  local list = {}
  for i, state in ipairs(require("selection").states) do list[i] = { text = state } end
  return list
end
function sources.held(session)
  local list = { { text = "all" } }
  for _, one in ipairs(sources.agents(session)) do list[#list + 1] = { text = "agent:" .. one.text } end
  return table.move(sources.runs(session), 1, most, #list + 1, list)
end

--- The keys of a kind of memory, or of a type of records, newest first.
function sources.keys(session, before)
  local kind = before:match [[kind%s*=%s*["']([^"']*)["']%s*,?[^{}]*$]]
  local type_ = before:match [[type%s*=%s*["']([^"']*)["']%s*,?[^{}]*$]]
  if type_ then return column(asked(session, "records.find", { type = type_, limit = 200 }), "key") end
  return column(asked(session, "memory.newest", { kind = kind, k = 200 }), "key", "kind")
end

--- What the first argument of a function is, and what a field is.
local arguments = { ["runs.show"] = "runs", ["runs.log"] = "runs", ["runs.journal"] = "runs", ["runs.replay"] = "runs", cancel = "runs",
  run = "agents", ["agents.show"] = "agents", skill = "skills", ["skills.show"] = "skills", approve = "inbox", reject = "inbox",
  ["events.show"] = "events", ["memory.stats"] = "spaces", pause = "held", resume = "held", ["records.find"] = "types" }
local fields = { agent = "agents", kind = "kinds", key = "keys", type = "types", state = "states", ns = "spaces" }

--- Inside of quotes: which source, by what stands before the quote.
local function source_of(before)
  local name = before:match "([%a_][%w_.]*)%s*%(%s*$" or before:match "([%a_][%w_.]*)%s*$"
  if arguments[name] then return arguments[name] end
  local field = before:match "([%a_][%w_]*)%s*=%s*$"
  return field and fields[field] or nil
end

-- ---- names ----------------------------------------------------------------------------------

--- "memory.search" -> "{" or "(", as it is called.
local function bracket(name)
  local row = calls.find(name)
  return row and row.signature:sub(#name + 1, #name + 1) or nil
end

local function names_at(session, path, prefix)
  local list = {}
  if #path == 1 and path[1] == "skill" then
    for _, one in ipairs(sources.skills(session)) do list[#list + 1] = { text = one.text .. "{", note = one.note } end
    return list
  end
  for _, field in ipairs(session:fields(path)) do
    local opens = field.kind == "function" and bracket(prefix .. field.name) or ""
    list[#list + 1] = { text = field.name .. opens, note = field.kind }
  end
  if #path == 0 then
    for _, word in ipairs(keywords) do list[#list + 1] = { text = word } end
  end
  return list
end

--- "x[1].na" -> { "x", 1 }, "na"; nil where something is called in between.
local function path_of(text)
  local expression = text:match "[%a_][%w_.%[%]]*$" or ""
  local before, partial = expression:match "^(.*)%.([%w_]*)$"
  if not before then return {}, expression:match "[%w_]*$", "" end
  local path = {}
  for name, index in before:gmatch "([%a_][%w_]*)([^.]*)" do
    path[#path + 1] = name
    for n in index:gmatch "%[(%d+)%]" do path[#path + 1] = math.tointeger(tonumber(n)) end
  end
  return path, partial, before .. "."
end

-- ---- dot commands ------------------------------------------------------------------------------

local function of_dot(session, text)
  local dots = require "repl.dots"
  local name, rest = text:match "^%s*%.([%w-]*)(.*)$"
  if rest == "" then
    local list = {}
    for _, one in ipairs(dots.names()) do list[#list + 1] = { text = "." .. one .. " ", note = dots.about(one) } end
    return #text - #name, list
  end
  local partial = rest:match "(%S*)$"
  local list = dots.arguments(name)
  if type(list) == "string" then list = sources[list](session, text) end
  return #text - #partial + 1, list or {}
end

-- ---- the face -----------------------------------------------------------------------------------

local function candidates_at(session, text)
  if text:find "^%s*%." then return of_dot(session, text) end
  local quote_at, quote
  for at, c in text:gmatch [[()(["'])]] do
    if not quote then quote_at, quote = at, c elseif quote == c then quote = nil end
  end
  if quote then
    local source = source_of(text:sub(1, quote_at - 1))
    return quote_at + 1, source and sources[source](session, text:sub(1, quote_at - 1)) or {}
  end
  local path, partial, prefix = path_of(text)
  return #text - #partial + 1, names_at(session, path, prefix)
end

return function(session, line, cursor)
  local text = line:sub(1, cursor):match "[^\n]*$"
  local skipped = cursor - #text
  local ok, from, list = pcall(candidates_at, session, text)
  if not ok then return cursor + 1, {} end
  local partial, found = text:sub(from), {}
  for _, one in ipairs(list) do
    if one.text:sub(1, #partial) == partial then found[#found + 1] = one end
  end
  table.sort(found, function(a, b) return a.text < b.text end)
  return skipped + from, found
end
