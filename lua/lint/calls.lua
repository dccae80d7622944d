--- What the calls of ctx take: from lua/reference, and what it leaves out for brevity.
local reference = require "reference"

local calls = {}

--- Fields that are taken, too: of memory as in lua/memory.lua, of models as in
--- lua/model/request.lua.
local more = {
  ["ctx.memory.remember"] = "ns id trust source run seq time speaker vector model",
  ["ctx.memory.search"] = "ns kinds allow weights min_score vector model now distinct tokens",
  ["ctx.memory.pack"] = "ns kinds allow weights min_score vector model now distinct",
  ["ctx.memory.get"] = "ns layer run all as_of reason limit",
  ["ctx.memory.history"] = "ns layer run all as_of reason limit",
  ["ctx.memory.forget"] = "ns layer run all as_of limit",
  ["ctx.model"] = "messages schema_name top_p seed stop timeout repairs on_text tool_choice parallel_tools effort service stream",
}

local cache = {}

--- { one_table, fields = set, required = set, strict, most, entry } of "ctx.step"; nil for
--- what is no function of ctx. `strict`: a field that it does not know makes it fail; others
--- pass over it. `most`: how many arguments it takes.
function calls.shape(path)
  if cache[path] ~= nil then return cache[path] or nil end
  local entry = reference.find(path)
  if not entry or entry.kind ~= "function" then
    cache[path] = false
    return nil
  end
  local shape = { one_table = entry.one_table, fields = {}, required = {}, most = entry.one_table and 1 or #entry.params,
    strict = path == "ctx.model" or path:find "^ctx%.memory%." ~= nil, entry = entry }
  for _, one in ipairs(entry.params) do
    shape.fields[one.name] = one.type
    if not one.optional then shape.required[one.name] = true end
  end
  for name in (more[path] or ""):gmatch "%S+" do shape.fields[name] = shape.fields[name] or "any" end
  if path == "ctx.step" then shape.required.run = true end -- its type ends in "?", for what it returns
  if path == "ctx.model" then shape.required.prompt = nil end -- or messages
  cache[path] = shape
  return shape
end

--- The names right below a path: a set.
function calls.below(path)
  local set = {}
  for _, name in ipairs(reference.names(path .. ".")) do set[name:sub(#path + 2):match "^[^.]*"] = true end
  return set
end

--- What a skill's `lib` has (lib_of in lua/ctx.lua).
calls.lib = { similarity = true, given = true, zone = true, config = true, null = true, now = true, offsets = true,
  skill = true }

--- Calls that write: they become true when they are made, or together inside of ctx.atomic.
calls.writes = { ["ctx.records.put"] = true, ["ctx.records.delete"] = true, ["ctx.memory.remember"] = true,
  ["ctx.memory.forget"] = true, ["ctx.emit"] = true }

--- What may stand inside of ctx.atomic, beside what is no command.
function calls.in_atomic(path)
  return path:find "^ctx%.memory%." or path:find "^ctx%.records%." or path == "ctx.emit"
end

return calls
