--- Whether skills that were saved keep what their examples say, and the examples of the
--- skills that need them.
local errors = require "errors"
local json = require "json"

local examples = {}

local function needs(skill, name)
  for _, other in ipairs(skill.manifest.needs.skills or {}) do
    if other == name then return true end
  end
  return false
end

--- The skills whose outcome may be another now: those of these files, and all that reach
--- one of them.
local function touched(lib, files)
  local set, again = {}, true
  for file in pairs(files) do
    local name = file:match "^skills/([%w_]+)%.lua$"
    if name then set[name] = file end
  end
  while again do
    again = false
    for name, skill in pairs(lib.skills) do
      for other, file in pairs(set) do
        if not set[name] and needs(skill, other) then set[name], again = file, true end
      end
    end
  end
  return set
end

--- What was refused is tried again when a skill is saved, for it may need that one: these
--- files are added to `files`, a set.
function examples.try_again(refused, files)
  local any = false
  for file in pairs(files) do any = any or file:find "^skills/" ~= nil end
  if not any then return end
  for name in pairs(refused) do files[name], refused[name] = true, nil end
end

--- Why example i of a skill does not hold, in words; nil when it does.
local function why_not(lib, name, i, zone)
  local result = lib:try_example(name, i, zone)
  if result.ok then return nil end
  if result.error then return result.error.message end
  local first = result.differences[1]
  local function text(value) return value == nil and "nothing" or (json.encode(value) or "?"):sub(1, 80) end
  return ("%s: expected %s, got %s"):format(first.path == "" and "/" or first.path, text(first.expected), text(first.got))
end

local function line_of(source)
  return (require("luasource").line(source.text, { "examples" }))
end

--- The first file of a set that breaks an example, its own or of a skill that needs
--- it: its name, and the error; nil when none does. Skills that were as broken before
--- (`old`) are not asked again.
function examples.first_broken(lib, old, files, zone, pause)
  local set = touched(lib, files)
  for _, name in ipairs(json.sorted_keys(set)) do
    local skill, file = lib.skills[name], set[name]
    local culprit = lib.skills[file:match "([%w_]+)%.lua$"]
    local before = culprit and old.skills[culprit.name]
    local saved = culprit and (not before or before.hash ~= culprit.hash)
    for i = 1, saved and skill and skill.manifest["local"] and #skill.manifest.examples or 0 do
      local why = why_not(lib, name, i, zone)
      if why then
        local source = lib.entries[file].source
        local own = skill.file == file
        return file, errors.new("K2201", { name = name, count = i, detail = why, file = file,
          line = own and line_of(source) or nil, source = own and source.text or nil })
      end
      if pause then pause() end
    end
  end
end

return examples
