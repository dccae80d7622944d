--- The user's agents and skills: read, compiled in a sandbox, validated.
--
-- A library holds what could be loaded; what could not is in `problems`, a list of
-- errors with file and line, and hinders nobody else.
local clockless = require "core.run"
local digest = require "core.digest"
local errors = require "errors"
local file = require "file"
local manifest = require "manifest"
local prelude = require "prelude"
local schema = require "schema"
local trigger = require "trigger"

local library = {}
library.__index = library

--- A source is no larger, wherever it comes from (SANDBOX_SOURCE_BYTES).
local most_bytes = 256 << 10

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

local function play(setup, sources)
  return clockless.play { setup = setup, sources = sources, prelude = prelude.code,
    instructions = 3000000, memory = 16 << 20, wall = 2000 }
end

--- What went wrong in a script: an error of ours, or whatever it raised itself. A
-- place in the prelude before the place in the script helps nobody.
local function failure_text(value)
  local text = tostring(value)
  if type(value) == "table" then
    text = (value.where and value.where .. ": " or "") .. tostring(value.message)
  end
  return text:match("^[^\n]-:%d+: ([%w_/]+%.lua:%d+: .*)$") or text
end

--- What the script hands to agent{} or skill{}, functions as { ["$function"] = line }.
local function read_manifest(kind, source)
  local chunk = kind == "agent" and "agent" or "skill/" .. source.name
  local ok, value, code = play({ manifest = kind, chunk = chunk },
    { { name = chunk, file = source.file, text = source.text } })
  if ok then return value end
  if ok == nil then return nil, errors.from(value, code) end
  if value.code == "instructions" or value.code == "memory" or value.code == "wall" then
    return nil, errors.new(value.code, { file = source.file, limit = "loading a script" })
  end
  return nil, manifest.source_error(failure_text(value), source.text, source.file)
end

--- A source: { name, file, path, text, hash }, or nil, err. `text` when it was read already.
local function read_source(folder, name, text)
  local path = file.join(folder, name .. ".lua")
  local short = path:match("([^/]+/[^/]+)$")
  if (text and #text or file.stat(path) or 0) > most_bytes then -- nor read, which would take its time
    return nil, errors.from(("%s: a script may have %d KiB"):format(short, most_bytes >> 10), "limit", { file = short })
  end
  local message
  if not text then text, message = file.read(path) end
  if not text then
    return nil, errors.unreadable(short, message, { file = short })
  end
  return { name = name, file = short, path = path, text = text, hash = digest.sha256(text) }
end

local function names_in(folder)
  local names = {}
  for _, entry in ipairs(file.list(folder) or {}) do
    local name = entry:match("^([%w_]+)%.lua$")
    if name then names[#names + 1] = name end
  end
  return names
end

--- What is read of a folder: name -> { source, raw, err }. What `how.old` has of a file
--- that is not in `how.texts` is taken as it is there.
local function read_folder(self, kind, folder, how, pause)
  local entries = {}
  for _, name in ipairs(names_in(folder)) do
    local short = kind .. "s/" .. name .. ".lua"
    local text, before = how.texts and how.texts[short], how.old and how.old.entries[short]
    local entry = before
    if text == nil and not before or text then
      entry = {}
      entry.source, entry.err = read_source(folder, name, text)
      if entry.source then entry.raw, entry.err = read_manifest(kind, entry.source) end
      if pause then pause() end
    end
    if text ~= false then
      entries[name], self.entries[short] = entry, entry
    end
  end
  return entries
end

--- A copy of a source, free of what was worked out for the library that it was in.
local function fresh(source, value)
  return { name = source.name, file = source.file, path = source.path, text = source.text, hash = source.hash, manifest = value }
end

--- The manifest of an entry, checked against the names that there are: what was found
--- before holds while these stay.
local function check(entry, kind, known, names)
  if entry.checked ~= names then
    local source = entry.source
    entry.manifest, entry.refusal = manifest[kind](entry.raw, { file = source.file, source = source.text, name = source.name, skills = known })
    entry.checked = names
  end
  return entry.manifest, entry.refusal
end

local function load_folder(self, kind, folder, known, how, pause)
  local loaded, entries = {}, read_folder(self, kind, folder, how, pause)
  if kind == "skill" then
    for name, entry in pairs(entries) do
      if entry.source then known[name] = true end
    end
  end
  local names = table.concat(sorted(known), " ")
  for name, entry in pairs(entries) do
    local value, err = nil, entry.err
    if entry.raw then value, err = check(entry, kind, known, names) end
    if value and how.refused then err = how.refused(entry.source) end
    if err then
      self.problems[#self.problems + 1] = err
      self.broken[kind .. "/" .. name] = true
    else
      loaded[name] = fresh(entry.source, value)
    end
  end
  return loaded
end

--- Agents whose `input` refuses what their schedules hand over: said when they are loaded,
--- for a schedule that never gets through is worse than an error.
local function refused_schedules(agents)
  local list = {}
  for name, agent in pairs(agents) do
    local takes = agent.manifest.input ~= nil and schema.compile(agent.manifest.input, { decoded = true })
    for id, def in pairs(takes and trigger.schedules(agent.manifest, "UTC") or {}) do
      local ok, problems = takes:check(trigger.envelope(id, def, { slot = 0, wall = "1970-01-01T00:00" }))
      if not ok then
        list[#list + 1] = ("agents/%s.lua: its `input` refuses what its schedule '%s' hands over: %s"):format(name, id,
          (schema.describe(problems):gsub("\n.*", "")))
      end
    end
  end
  table.sort(list)
  return list
end

--- Load `home`/agents and `home`/skills. `adapters` are the names that agents may
--- use beside skills (config.adapters). `pause()` is called behind each file that is played:
--- others may have their turn then. `how` may have: old, a library that was loaded before;
--- texts, with it the files that are to be looked at, "agents/x.lua" -> text, or false when it
--- is gone; refused(source) -> err, what is not to be used although it can be read.
function library.load(home, adapters, pause, how)
  local self = setmetatable({ problems = {}, broken = {}, entries = {}, home = home }, library)
  local known = {}
  for name in pairs(adapters) do known[name] = true end
  self.skills = load_folder(self, "skill", file.join(home, "skills"), known, how or {}, pause)
  self.agents = load_folder(self, "agent", file.join(home, "agents"), known, how or {}, pause)
  table.sort(self.problems, function(a, b) return (a.file or "") < (b.file or "") end)
  self.warnings = refused_schedules(self.agents)
  return self
end

--- One agent or skill from its text: { name, file, hash, text, manifest }, or nil, err.
function library.of_source(kind, name, path, text)
  local source = { name = name, file = path, text = text, hash = digest.sha256(text) }
  local raw, err = read_manifest(kind, source)
  if not raw then return nil, err end
  source.manifest, err = manifest[kind](raw, { file = path, source = text, name = name })
  if not source.manifest then return nil, err end
  return source
end

--- The problem of a file, when there is one: "agents/x.lua".
function library:problem_of(name)
  for _, err in ipairs(self.problems) do
    if err.file == name then return err end
  end
end

--- All skills that an agent reaches, through other skills too: name -> skill.
function library:reach(agent)
  local found, queue = {}, table.pack(table.unpack(agent.manifest.uses or {}))
  while #queue > 0 do
    local name = table.remove(queue)
    local skill = self.skills[name]
    if skill and not found[name] then
      found[name] = skill
      for _, other in ipairs(skill.manifest.needs.skills or {}) do queue[#queue + 1] = other end
    end
  end
  return found
end

--- Run one skill's local implementation on one input, without a journal.
-- Returns the output, or nil, err.
function library:try_skill(name, input, zone)
  local skill = self.skills[name]
  if not skill then return nil, errors.new("K1006", { name = name }) end
  local sources, kinds, needs = {}, {}, {}
  for other, one in pairs(self.skills) do
    sources[#sources + 1] = { name = "skill/" .. other, file = one.file, text = one.text }
    kinds[other] = "local"
    needs[other] = {}
    for _, needed in ipairs(one.manifest.needs.skills or {}) do needs[other][needed] = true end
  end
  local ok, value, code = play({ example = name, input = input, skills = kinds, needs = needs, zone = zone or "UTC", config = {} }, sources)
  if ok then return value end
  if ok == nil then return nil, errors.from(value, code) end
  return nil, errors.new("K3007", { name = name, detail = failure_text(value) })
end

--- Run example i of a skill's manifest, as try_skill does: { skill, example = i, ok,
--- error? (as errors.json has it), differences?, input?, output? }.
function library:try_example(name, i, zone)
  local example, result = self.skills[name].manifest.examples[i], { skill = name, example = i, ok = true }
  local output, err = self:try_skill(name, example.input, zone)
  if output == nil and err then
    result.ok = false
    result.error = errors.is(err) and errors.json(err).error or { message = tostring(err) }
    return result
  end
  if example.output == nil then return result end
  local differences = require("subset").differences(example.output, output)
  if #differences > 0 then
    result.ok, result.differences, result.input, result.output = false, differences, example.input, output
  end
  return result
end

return library
