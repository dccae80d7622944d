--- Mistakes in agents, skills and config.lua that would show when they run, found before.
--
--   local findings = lint.source(text, { file = "agents/x.lua", kind = "agent" })
--   local findings = lint.home(home)
--
-- A finding is an error of the catalogue (errors.new) with `level` (error, warning, hint),
-- a column. The rules are in lint/, one file for each subject; each is
-- shown to be right by spec/lint_replay_spec.lua, which runs what it warns of.
local allowed = require "lint.allowed"
local errors = require "errors"
local facts = require "lint.facts"
local file = require "file"
local lexer = require "lexer"
local library = require "library"
local parser = require "lint.parser"
local settings = require "settings"

local lint = {}

local rules = { require "lint.names", require "lint.arguments", require "lint.state", require "lint.values", require "lint.steps",
  require "lint.answers", require "lint.contract" }

--- A script is no larger (library.lua).
local most_bytes = 256 << 10

--- Worse comes later.
local weight = { hint = 1, warning = 2, error = 3 }

-- One source ------------------------------------------------------------------------------

--- Lines of a source begin at these bytes.
local function starts_of(text)
  local list = { 1 }
  for at in text:gmatch "\n()" do list[#list + 1] = at end
  return list
end

--- An error of the catalogue at a place in a source. shown: the source for excerpts.
local function finding(number, place, fields, source)
  fields.file, fields.line, fields.source = source.file, place.line, source.shown
  local start = source.starts[place.line]
  local stop = source.starts[place.line + 1] or #source.text + 2
  if source.shown == source.text and start then
    fields.byte = place.at - start + 1
    fields.column = (utf8.len(source.text, start, place.at - 1) or fields.byte - 1) + 1
    fields.length = math.max(1, math.min(place.stop or place.at + 1, stop - 1) - place.at)
  end
  local made = errors.new(number, fields)
  made.level = fields.level or errors.entry(number).level or "error"
  return made
end

local function syntax_error(problem, source)
  local made = finding("K3001", { line = problem.line, at = problem.at }, { detail = problem.message, expected = problem.hint }, source)
  made.syntax = true
  return made
end

local function by_place(a, b)
  if a.line ~= b.line then return (a.line or 0) < (b.line or 0) end
  if a.column ~= b.column then return (a.column or 0) < (b.column or 0) end
  return a.number < b.number
end

--- What is wrong with a source: a list of findings in the order of their places.
-- @param options  { file = as people call it, kind = "agent" | "skill" | "config" (nil: it
--   says so itself), world = { adapters = name -> entry, skills = name -> { manifest },
--   agents = set or nil }, shown = the text for excerpts where that is another }
function lint.source(text, options)
  local source = { file = options.file, text = text, shown = options.shown or text, starts = starts_of(text) }
  local tree, problem = parser.parse(text)
  if not tree then return { syntax_error(problem, source) } end
  local self = facts.of(tree, { kind = options.kind, world = options.world })
  local found, seen = {}, {}
  local function report(number, place, fields)
    if place.kind == "Call" then place = { line = place.line, at = place.at, stop = place.fn.stop } end
    local key = number .. ":" .. place.at
    if not seen[key] then found[#found + 1] = finding(number, place, fields, source) end
    seen[key] = true
  end
  if self.kind then
    for _, rule in ipairs(rules) do rule.check(self, report) end
  end
  local unused
  found, unused = allowed.filter(found, allowed.read(text, lexer.tokens(text)))
  for _, one in ipairs(unused) do found[#found + 1] = finding("K2391", one.place, { name = one.number }, source) end
  table.sort(found, by_place)
  return found
end

-- A home ------------------------------------------------------------------------------------

--- What was said at a line already is not said again by the check of the manifest.
local function add_problem(list, err)
  if not err then return end
  for _, other in ipairs(list) do
    if err.number == "K3001" and (other.syntax or other.line == err.line and other.level == "error") then
      other.manifest = true
      return
    end
  end
  err.level, err.manifest = "error", true
  list[#list + 1] = err
  table.sort(list, by_place)
end

--- The settings of a home, or nil, err; and their text.
local function read_config(home)
  local path = file.join(home, "config.lua")
  local text = file.read(path)
  local config, err = settings.load(path)
  return config, err, text
end

local function set_of(named)
  local set = {}
  for name in pairs(named) do set[name] = true end
  return set
end

--- What is around the scripts of a home: { config, err, library, world }.
function lint.around(home)
  local config, err, text = read_config(home)
  local around = { home = home, config = config, err = err, config_text = text }
  around.library = library.load(home, config and config.adapters or {})
  local agents = set_of(around.library.agents)
  for name in pairs(around.library.broken) do
    if name:find "^agent/" then agents[name:sub(7)] = true end
  end
  around.world = { adapters = config and config.adapters or {}, skills = around.library.skills, agents = agents }
  return around
end

local function lint_config(around)
  local text = around.config_text
  if not text then
    add_problem({}, around.err)
    return around.err and { around.err } or {}
  end
  local list = lint.source(text, { file = "config.lua", kind = "config", shown = settings.redact(text) })
  if around.err and around.err.number == "K2002" and list[1] and list[1].syntax then return list end
  add_problem(list, around.err)
  return list
end

local function schedule_warnings(around, name, text, list)
  for _, sentence in ipairs(around.library.warnings) do
    local at, detail = sentence:match "^([^:]+): (.*)$"
    if at == name then
      local err = errors.new("K2358", { detail = detail, file = name, source = text, line = require("luasource").line(text, { "on" }) })
      err.level = "warning"
      list[#list + 1] = err
    end
  end
  table.sort(list, by_place)
end

--- One script of a home: "agents/x.lua".
local function lint_member(around, name, text)
  local kind = name:match "^(%a+)s/"
  local list = lint.source(text, { file = name, kind = kind, world = around.world })
  local problem = around.library:problem_of(name)
  -- where config.lua cannot be read, nobody knows which adapters there are
  if problem and not (around.err and problem.number == "K2109") then add_problem(list, problem) end
  if kind == "agent" then schedule_warnings(around, name, text, list) end
  return list
end

--- A script from anywhere: what it says of itself decides what it is.
local function lint_other(around, path, text)
  local folder, name = path:match "([^/]+)/([^/]+)%.lua$"
  local kind = folder == "agents" and "agent" or folder == "skills" and "skill" or nil
  name = name or path:match "([^/]+)%.lua$" or "script"
  if not kind then
    local tree = parser.parse(text)
    kind = tree and facts.of(tree, {}).kind or nil
  end
  local list = lint.source(text, { file = path, kind = kind, world = around.world })
  if kind and #text > most_bytes then
    add_problem(list, errors.from(("%s: a script may have %d KiB"):format(path, most_bytes >> 10), "limit", { file = path }))
    return list
  end
  local fits = name:find "^%a[%w_]*$" and #name <= 64 -- any file may be given, but a name is asked for
  if kind then add_problem(list, select(2, library.of_source(kind, fits and name or "script", path, text))) end
  return list
end

local function names_in(home)
  local names = {}
  for _, folder in ipairs { "agents", "skills" } do
    for _, entry in ipairs(file.list(file.join(home, folder)) or {}) do
      if entry:find "^[%w_]+%.lua$" then names[#names + 1] = folder .. "/" .. entry end
    end
  end
  return names
end

--- "agents/x.lua" for a path that is this script of the home; nil else.
local function member_of(home, path)
  local short = path:match "([^/]+/[^/]+%.lua)$"
  if not short or not (short:find "^agents/" or short:find "^skills/") then return nil end
  local plain = path:gsub("^%./", "")
  if plain == file.join(home, short):gsub("^%./", "") then return short end
end

--- What is wrong in files, or, without any, in all of a home's: findings, and the number of
--- files. nil, err when one cannot be read.
function lint.files(around, paths)
  local all = {}
  local function add(list) table.move(list, 1, #list, #all + 1, all) end
  if #paths == 0 then
    add(lint_config(around))
    local names = names_in(around.home)
    for _, name in ipairs(names) do
      local text, message = file.read(file.join(around.home, name))
      if not text then return nil, errors.unreadable(name, message) end
      add(lint_member(around, name, text))
    end
    return all, #names + 1
  end
  for _, path in ipairs(paths) do
    local text, message = file.read(path)
    if not text then return nil, errors.unreadable(path, message) end
    local member = member_of(around.home, path)
    if path:find "%.json$" then
      add(require("lint.cases").check(text, path))
    elseif member then
      add(lint_member(around, member, text))
    elseif path:match "[^/]*$" == "config.lua" then
      local config, err = settings.from_source(text, path)
      add(lint_config { err = not config and err or nil, config_text = text })
    else
      add(lint_other(around, path, text))
    end
  end
  return all, #paths
end

-- What ran before --------------------------------------------------------------------------

--- The hash of an agent's source in its newest run of that version; nil when there is none.
local function hash_that_ran(e, name, version)
  for _, run in ipairs(e:list { agent = name, limit = 20 } or {}) do
    if run.version == version then
      local records = e:journal(e:run_row(run.run))
      local setup = records and records[1] and records[1].value
      for _, source in pairs(type(setup) == "table" and setup.sources or {}) do
        if source.file == "agents/" .. name .. ".lua" then return source.hash end
      end
      return nil
    end
  end
end

--- Agents that were edited and kept their version, though runs were recorded with it.
-- @param e  an engine that looks at the home's store
function lint.kept_versions(around, e)
  local list = {}
  for _, name in ipairs(require("json").sorted_keys(around.library.agents)) do
    local agent = around.library.agents[name]
    local hash = hash_that_ran(e, name, agent.manifest.version)
    if hash and hash ~= agent.hash then
      local err = errors.new("K2357", { name = name, version = agent.manifest.version, file = agent.file, source = agent.text,
        line = require("luasource").line(agent.text, { "version" }) })
      err.level = "warning"
      list[#list + 1] = err
    end
  end
  return list
end

-- Judging ---------------------------------------------------------------------------------------

--- The exit code of findings: 3 for what is no Lua, 10 for a manifest or config.lua that is
--- refused, 2 for a malformed case, 1 for an error or a warning, 0 for hints and nothing.
function lint.exit_code(findings)
  local code = 0
  for _, one in ipairs(findings) do
    if one.syntax then return 3 end
    if one.manifest then
      code = 10
    elseif one.case then
      code = math.max(code, 2)
    elseif weight[one.level] > 1 then code = math.max(code, 1) end
  end
  return code
end

--- How many findings there are of each level: { error, warning, hint }.
function lint.count(findings)
  local counts = { error = 0, warning = 0, hint = 0 }
  for _, one in ipairs(findings) do counts[one.level] = counts[one.level] + 1 end
  return counts
end

return lint
