--- What a Lua value is in JSON's eyes.
--
-- null is json.null (a light userdata NULL) or nil. Lua keeps 1 and 1.0 apart,
-- JSON Schema does not: both are integers. A table with t[1] is an array, one
-- with a string key an object. An empty table is an array when json.array()
-- marked it; without the mark it is either, unless the reader of values says
-- that they come from a decoder, which marks all its arrays.

local values = {}

local found, json = pcall(require, "json")
if not found or type(json) ~= "table" then json = {} end

values.null = json.null

--- What getmetatable says of a marked array: the metatable guards itself and
-- answers with a word.
local array_mark = type(json.array) == "function" and getmetatable(json.array({}))

local function table_kind(value)
  if value[1] ~= nil then return "array" end
  if array_mark and getmetatable(value) == array_mark then return "array" end
  return next(value) == nil and "empty" or "object"
end

--- null boolean number string array object, "empty" for an unmarked empty
-- table, or the name of a Lua type that JSON does not have.
function values.kind(value)
  local kind = type(value)
  if kind == "table" then return table_kind(value) end
  if kind == "nil" then return "null" end
  if kind == "userdata" and values.null ~= nil and value == values.null then
    return "null"
  end
  return kind
end

--- Is this number an integer to JSON Schema? (1.0 is; infinities are not.)
function values.is_integer(number)
  if math.type(number) == "integer" then return true end
  return number == math.floor(number) and number - number == 0
end

--- The string keys of a table, sorted, so that messages come in one order.
function values.keys(object)
  local keys = {}
  for key in next, object do
    if type(key) == "string" then keys[#keys + 1] = key end
  end
  table.sort(keys)
  return keys
end

local function number_key(number)
  local integer = math.tointeger(number)
  if integer then return ("%d"):format(integer) end
  return ("%.17g"):format(number)
end

--- Deeper values are refused rather than followed (a table may hold itself).
local max_depth = 200

local write

local function write_table(state, value)
  local out, kind = state.out, table_kind(value)
  if kind == "empty" or (kind == "array" and value[1] == nil) then
    out[#out + 1] = (state.decoded and kind == "array") and "[]" or "{}"
  elseif kind == "array" then
    out[#out + 1] = "["
    for i = 1, #value do
      write(state, value[i])
      out[#out + 1] = ","
    end
    out[#out + 1] = "]"
  else
    out[#out + 1] = "{"
    for _, key in ipairs(values.keys(value)) do
      out[#out + 1] = ("%d:%s="):format(#key, key)
      write(state, value[key])
    end
    out[#out + 1] = "}"
  end
end

function write(state, value)
  local out, kind = state.out, type(value)
  state.charge(1)
  if kind == "string" then
    state.charge(#value // 64)
    out[#out + 1] = ("s%d:%s"):format(#value, value)
  elseif kind == "number" then
    out[#out + 1] = number_key(value)
  elseif kind == "table" then
    state.depth = state.depth + 1
    if state.depth > max_depth then state.charge(math.huge) end
    write_table(state, value)
    state.depth = state.depth - 1
  else
    out[#out + 1] = kind == "boolean" and tostring(value) or "null"
  end
end

--- A text that is equal exactly for equal JSON values.
-- @param decoded  tell an empty array from an empty object
-- @param charge   called with the cost of each part; raises to stop, and must
--   on math.huge
function values.canonical(value, decoded, charge)
  local state = { out = {}, decoded = decoded, charge = charge, depth = 0 }
  write(state, value)
  return table.concat(state.out)
end

--- A short text of a value for a message; never more than 60 bytes or so.
function values.show(value)
  local kind = values.kind(value)
  if kind == "string" then
    if #value > 40 then
      value = value:sub(1, utf8.offset(value, 0, 38) - 1) .. "..."
    end
    return ("%q"):format(value):gsub("\\\n", "\\n")
  end
  if kind == "number" or kind == "boolean" then return tostring(value) end
  if kind == "empty" then return "{}" end
  return kind
end

--- The type as a person says it: "integer" for 3, "array", "null", ...
function values.type_name(value)
  local kind = values.kind(value)
  if kind == "number" then
    return values.is_integer(value) and "integer" or "number"
  end
  return kind == "empty" and "empty table" or kind
end

return values
