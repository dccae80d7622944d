--- What was meant by a name that a script got wrong, from what Lua says of it and the line.
--
--   meant("attempt to call a nil value (field 'serach')", "ctx.memory.serach{}")  --> "ctx.memory.search"
local editor = require "reference.editor"
local reference = require "reference"
local suggest = require "suggest"

--- Tables of the library that a script has, too.
local libraries = { string = string, table = table, math = math, utf8 = utf8, coroutine = coroutine }

--- What stands instead of what a sandbox has not.
local instead = { os = "ctx.now", io = "ctx.log", require = "ctx.skill", load = "ctx.skill", print = "ctx.log", warn = "ctx.log" }

--- The fields that are known below a path: names, and what comes before them; nil where
--- nothing is known.
local function known_below(path)
  if libraries[path] then return libraries[path] end
  local known
  for _, name in ipairs(reference.names(path .. ".")) do
    known = known or {}
    known[name:sub(#path + 2):match "^[^.]*"] = true
  end
  return known
end

--- message: of the error; line: the text of the line where it was raised. skills: names that
--- the manifest's `uses` may name, a set. Returns a name, or nil.
return function(message, line, skills)
  local global = message:match "%(global '([^']+)'%)"
  if global then
    if instead[global] then return instead[global] end
    local known = {}
    for _, name in ipairs(editor.kept) do known[name] = true end
    return not known[global] and suggest.nearest(global, known) or nil
  end
  local skill = message:match "^skill '([^']+)' is not among the manifest's uses"
  if skill then return suggest.nearest(skill, skills or {}) end
  local field = message:match "%(field '([^']+)'%)" or message:match "%(method '([^']+)'%)"
  if not field then return nil end
  local path = (line or ""):match("([%a_][%w_.]*)[.:]" .. field:gsub("%p", "%%%0") .. "%f[^%w_]")
  local known = path and known_below(path)
  local nearest = known and not known[field] and suggest.nearest(field, known)
  return nearest and path .. "." .. nearest
end
