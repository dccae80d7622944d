--- Does a payload fit what somebody waits for or listens to?
--
--   where.matches({ client = { id = 2 }, amount = { [">="] = 100 } }, payload)
--
-- A table names the parts that must be there, at any depth; what it does not name may
-- be anything. A table whose keys are all operators compares instead:
--   "="  "~="  "<"  "<="  ">"  ">="   with a value; order holds between two numbers or two texts
--   "in"                              with a list: one of these
--   "prefix"                          with a text that the text begins with
local json = require "json"

local where = {}

local function ordered(a, b)
  return (type(a) == "number" and type(b) == "number") or (type(a) == "string" and type(b) == "string")
end

local function one_of(got, list)
  for _, value in ipairs(list) do
    if where.matches(value, got) then return true end
  end
  return false
end

local operators = {
  ["="] = function(got, want) return where.matches(want, got) end,
  ["~="] = function(got, want) return not where.matches(want, got) end,
  ["<"] = function(got, want) return ordered(got, want) and got < want end,
  ["<="] = function(got, want) return ordered(got, want) and got <= want end,
  [">"] = function(got, want) return ordered(got, want) and got > want end,
  [">="] = function(got, want) return ordered(got, want) and got >= want end,
  ["in"] = function(got, want) return type(want) == "table" and one_of(got, want) end,
  prefix = function(got, want)
    return type(got) == "string" and type(want) == "string" and got:sub(1, #want) == want
  end,
}

--- A table of operators: none of its keys is anything else, and it has some.
local function compares(want)
  local key = next(want)
  if key == nil then return false end
  for name in next, want do
    if not operators[name] then return false end
  end
  return true
end

--- Whether `got` holds all that `want` names.
function where.matches(want, got)
  if want == nil then return true end
  if want == json.null or got == json.null then return want == got or (want == json.null and got == nil) end
  if type(want) ~= "table" then return want == got end
  if compares(want) then
    for name, value in next, want do
      if not operators[name](got, value) then return false end
    end
    return true
  end
  for key, part in next, want do
    if type(got) ~= "table" or not where.matches(part, got[key]) then return false end
  end
  return true
end

--- What is wrong with a table of conditions: the keys on the way there and a sentence,
-- or nil. A symbol that is no operator is a slip, and so is a function.
function where.problem(want, path)
  path = path or {}
  if type(want) ~= "table" or want == json.null then return nil end
  if want["$function"] ~= nil then return path, "a function cannot be asked here: name payload fields, or test in run" end
  for key, part in next, want do
    local deeper = table.move(path, 1, #path, 1, {})
    deeper[#deeper + 1] = key
    if type(key) == "string" and key:find("^[<>=~!]+$") and not operators[key] then
      return deeper, ("there is no operator '%s'; there are = ~= < <= > >= in prefix"):format(key)
    end
    if key == "in" and compares(want) and not (type(part) == "table" and (part[1] ~= nil or next(part) == nil)) then
      return deeper, "'in' takes a list"
    end
    local at, message = where.problem(part, deeper)
    if at then return at, message end
  end
end

--- A field and its value as the text that finds conditions again; nil for what is no
-- plain value. Numbers that are equal are one text.
local function probe_of(key, value)
  if math.type(value) == "float" then value = math.tointeger(value) or value end
  local kind = type(value)
  if value ~= value or (kind ~= "string" and kind ~= "number" and kind ~= "boolean") then return nil end
  return ("%s=%s:%s"):format(key, kind:sub(1, 1), tostring(value))
end

--- One field that a payload must have to fit, as text; nil when the conditions name none
-- by its value. What fits has this text among where.probes(payload).
function where.probe(want)
  if type(want) ~= "table" or compares(want) then return nil end
  for _, key in ipairs(json.sorted_keys(want)) do
    local probe = type(key) == "string" and probe_of(key, want[key])
    if probe then return probe end
  end
end

--- The texts of all fields of a payload.
function where.probes(payload)
  local list = json.array {}
  if type(payload) ~= "table" then return list end
  for key, value in next, payload do
    list[#list + 1] = type(key) == "string" and probe_of(key, value) or nil
  end
  return list
end

--- The part of a payload that a field names: "thread", or "client.id" for one inside.
-- A name that is there as it is written comes first.
function where.field(payload, name)
  if type(payload) ~= "table" then return nil end
  if payload[name] ~= nil then return payload[name] end
  local at = payload
  for part in name:gmatch("[^.]+") do
    if type(at) ~= "table" then return nil end
    at = at[part]
  end
  return at
end

--- A part of a payload as the text that tells it from others; nil when it is absent.
function where.text(payload, name)
  local value = name and where.field(payload, name)
  if value == nil or value == json.null then return nil end
  if type(value) == "table" then return (json.encode(value)) end
  return tostring(value)
end

--- Whether a trigger's event, a type or the beginning of one ("mail.*"), means this type.
function where.names(event, kind)
  local beginning = event and event:match "^(.*)%*$"
  return event == kind or beginning ~= nil and kind:sub(1, #beginning) == beginning
end

return where
