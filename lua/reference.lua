--- The names that an author can use, in words: one place for help, editors and pages.
--
--   reference.find("ctx.memory.search")   -> { name, kind = "function" | "field", signature, about, params = { { name,
--     type, about, optional } }, one_table = bool, returns = { { type, about } }, example, type? }, or nil
--   reference.names("ctx.me")             -> sorted names that begin so
--   reference.suggest("ctx.memory.serach") -> the name that was meant, or nil
local suggest = require "suggest"

local reference = {}

local by_name

local function described(row)
  local entry = { name = row[1], signature = row[2], about = row[3], example = row.example, type = row.type,
    kind = row.type and "field" or "function", one_table = row.fields ~= nil, params = {}, returns = {} }
  for i, one in ipairs(row.fields or row.params or {}) do
    entry.params[i] = { name = one[1], type = (one[2]:gsub("%?$", "")), about = one[3], optional = one[2]:sub(-1) == "?" }
  end
  for i, one in ipairs(row.returns or {}) do entry.returns[i] = { type = one[1], about = one[2] } end
  return entry
end

local function entries()
  if not by_name then
    by_name = {}
    for _, row in ipairs(require "reference.ctx") do by_name[row[1]] = described(row) end
  end
  return by_name
end

function reference.find(name) return entries()[name] end

function reference.names(prefix)
  local list = {}
  for name in pairs(entries()) do
    if not prefix or name:sub(1, #prefix) == prefix then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

function reference.suggest(name) return suggest.nearest(name, entries()) end

return reference
