--- JSON and Keel's own exact encoding of values.
--
-- Integers stay integers and floats stay floats, `{}` and `[]` stay apart, and
-- `json.null` (a light userdata, the same in every module) stands for null.
local core = require "core.json"

local json = { null = core.null, array_mt = core.array_mt }

--- The value of a JSON text, or nil, message, code.
json.decode = core.decode

--- The JSON text of a value (keys sorted); `indent` spaces a level, or one line.
-- Returns nil, message, code for what JSON cannot say: functions, cycles, NaN.
json.encode = core.encode

--- The canonical bytes of a value, as the journal keeps and hashes them.
json.pack = core.pack
json.unpack = core.unpack

--- Mark a table as a list, so that it stays `[]` while it is empty.
function json.array(t)
  return setmetatable(t or {}, json.array_mt)
end

local array_mark = getmetatable(json.array())

--- True for a table that JSON writes as a list: one with items, or a marked empty one.
function json.is_list(v)
  return type(v) == "table" and (#v > 0 or getmetatable(v) == array_mark)
end

--- True for nil and for json.null.
function json.absent(v)
  return v == nil or v == core.null
end

--- The keys of a table in the order of their text, so that what is made of them is
--- the same each time.
function json.sorted_keys(value)
  local keys = {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

return json
