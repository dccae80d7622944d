--- Shapes of tables that people write: manifests and config.lua.
--
--   local point = shape.record("a point", {
--     x = { shape.number(), required = true },
--     wait = { shape.duration, as = "wait_ms" } })
--   shape.check(point, { x = 1, wiat = "2s" })
--     --> nil, { number = "K2101", path = { "wiat" }, field = "wiat",
--     --         where = "a point", suggestion = "wait" }
--
-- A shape is a function (value, path) -> the normalized value. It raises a
-- problem, which shape.check returns: the number of an error of the catalogue,
-- the path of keys, and the fields of that error. Unlike a JSON Schema a shape
-- turns what was written ("$1.25", "2d") into what the engine counts in, and
-- knows what people misspell.

local bytesize = require "bytesize"
local duration = require "duration"
local money = require "money"
local rfc3339 = require "rfc3339"
local suggest = require "suggest"
local values = require "schema.values"

local shape = {}

-- Problems ------------------------------------------------------------------

--- { "on", 1, "every" } -> "on[1].every"
function shape.name(path)
  local out = {}
  for i, key in ipairs(path) do
    if type(key) == "number" then
      out[#out + 1] = ("[%s]"):format(key)
    else
      key = tostring(key)
      local plain = key:match("^[%a_][%w_]*$")
      out[#out + 1] = plain and (i > 1 and "." or "") .. key
        or ("[%q]"):format(key)
    end
  end
  return table.concat(out)
end

--- A longer path.
function shape.at(path, ...)
  local longer = table.move(path, 1, #path, 1, {})
  for _, key in ipairs { ... } do longer[#longer + 1] = key end
  return longer
end

--- Raise a problem of the catalogue at a path.
function shape.refuse(number, path, fields)
  fields.shape_problem = true
  fields.number, fields.path = number, path
  fields.field = fields.field or shape.name(path)
  error(fields, 0)
end

local function shown(value)
  local kind = values.kind(value)
  if kind == "null" then return "absent" end
  if kind == "array" then return "a list" end
  if kind == "empty" or kind == "object" then
    return kind == "object" and value["$function"] and "a function" or "a table"
  end
  return ("the %s %s"):format(kind, values.show(value))
end

function shape.wrong_type(value, path, expected)
  shape.refuse("K2103", path, { got = shown(value), expected = expected })
end

function shape.bad_value(path, detail, suggestion)
  shape.refuse("K2105", path, { detail = detail, suggestion = suggestion })
end

--- Run a shape.
-- @return the normalized value; or nil and the problem { number, path, field,
--   ... }
function shape.check(checker, value)
  local ran, result = pcall(checker, value, {})
  if ran then return result end
  if type(result) ~= "table" or not result.shape_problem then error(result, 0) end
  return nil, result
end

-- What shapes say of themselves -------------------------------------------------

local facts = setmetatable({}, { __mode = "k" })

--- Say of a shape in words what it takes; more: { fields =, item = } of tables.
-- @return the shape
function shape.says(checker, words, more)
  more = more or {}
  more.words = words
  facts[checker] = more
  return checker
end

--- What a shape takes: { words, fields = name -> { shape, required, default }, item = the
-- shape of what a list or a table of names holds }; for pages. {} where nothing is said.
function shape.facts(checker) return facts[checker] or {} end

-- Simple values ---------------------------------------------------------------

function shape.any(value) return value end
shape.says(shape.any, "any value")

--- Text that is not empty. @param pattern  a Lua pattern that must match, with
-- `expected` to say it in words
function shape.text(pattern, expected)
  return shape.says(function(value, path)
    if type(value) ~= "string" then
      shape.wrong_type(value, path, expected or "a string")
    end
    if value == "" then shape.bad_value(path, "it is empty") end
    if pattern and not value:match(pattern) then
      shape.bad_value(path, ("expected %s, got %q"):format(expected, value))
    end
    return value
  end, expected or "text")
end

function shape.flag(value, path)
  if type(value) ~= "boolean" then shape.wrong_type(value, path, "true or false") end
  return value
end
shape.says(shape.flag, "true or false")

local function check_range(value, path, least, most)
  if (least and value < least) or (most and value > most) or value ~= value then
    local range = most and ("between %s and %s"):format(least or "any", most)
      or ("at least %s"):format(least or 0)
    shape.bad_value(path, ("expected a number %s, got %s"):format(range, value))
  end
  return value
end

function shape.number(least, most)
  return shape.says(function(value, path)
    if type(value) ~= "number" then shape.wrong_type(value, path, "a number") end
    return check_range(value, path, least, most)
  end, most and ("a number, %s to %s"):format(least or "any", most) or least and "a number, at least " .. least or "a number")
end

--- A whole number; 20e6 is one.
function shape.integer(least, most)
  return shape.says(function(value, path)
    local integer = type(value) == "number" and math.tointeger(value)
    if not integer then shape.wrong_type(value, path, "a whole number") end
    return check_range(integer, path, least, most)
  end, most and ("a whole number, %s to %s"):format(least or "any", most) or least and "a whole number, at least " .. least or "a whole number")
end

function shape.one_of(names)
  local list = table.concat(names, ", ")
  return shape.says(function(value, path)
    if type(value) ~= "string" then
      shape.wrong_type(value, path, "one of " .. list)
    end
    for _, name in ipairs(names) do
      if name == value then return value end
    end
    shape.bad_value(path, ("expected one of %s, got %q"):format(list, value),
      suggest.nearest(value, names))
  end, "one of " .. list)
end

--- A function of the script, which stands as { ["$function"] = line } in a
-- manifest that was read from a run's state.
function shape.code(value, path)
  local marked = type(value) == "table" and value["$function"]
  if not marked and type(value) ~= "function" then
    shape.wrong_type(value, path, "a function")
  end
  return value
end
shape.says(shape.code, "a function")

--- Text for which parse(text) gives a value, or nil and a sentence.
local function parsed(parse, words)
  return shape.says(function(value, path)
    local result, problem = parse(value)
    if result == nil then shape.bad_value(path, problem) end
    return result
  end, words)
end

shape.money = parsed(money.parse, 'money like "$1.25"')
shape.price = parsed(money.per_token, "USD for a million tokens, a number or a decimal text")
shape.bytes = parsed(bytesize.parse, 'a size like "32 MiB"')
shape.duration = parsed(duration.parse, 'a duration like "30s", "4h" or "2d"')
shape.instant = parsed(rfc3339.parse, "a time (RFC 3339)")
--- "20/min" -> { count = 20, per_ms = 60000 }
shape.rate = parsed(function(text)
  local count, per = duration.parse_rate(text)
  if not count then return nil, per end
  if count == 0 then return nil, "a rate of none" end
  return { count = count, per_ms = per }
end, 'a rate like "20/min"')

--- So many for a run, or a rate: { count, per_ms (nil: per run) }.
function shape.amount(value, path)
  if type(value) == "number" then return { count = shape.integer(1)(value, path) } end
  return shape.rate(value, path)
end
shape.says(shape.amount, 'a number for a run, or a rate like "100/day"')

-- Tables ----------------------------------------------------------------------

local function want_table(value, path, expected)
  if type(value) ~= "table" or value["$function"] then
    shape.wrong_type(value, path, expected)
  end
end

--- A list; `least` items at least.
function shape.list(item, least)
  return shape.says(function(value, path)
    want_table(value, path, "a list")
    local out = {}
    for key in next, value do
      if math.type(key) ~= "integer" then
        shape.wrong_type(value, path, "a list")
      end
    end
    for i = 1, #value do out[i] = item(value[i], shape.at(path, i)) end
    if #out < (least or 0) then
      shape.bad_value(path, ("expected at least %d"):format(least))
    end
    return out
  end, "a list", { item = item })
end

--- One item, or a list of them: always a list afterwards.
function shape.one_or_list(item)
  local list = shape.list(item, 1)
  return shape.says(function(value, path)
    if type(value) == "table" and value[1] ~= nil then return list(value, path) end
    return { item(value, path) }
  end, "one, or a list", { item = item })
end

--- Names to values. @param key  a shape for the names
function shape.map(item, key, expected)
  return shape.says(function(value, path)
    want_table(value, path, expected or "a table of names")
    local out = {}
    for _, name in ipairs(values.keys(value)) do
      local place = shape.at(path, name)
      if key then key(name, place) end
      out[name] = item(value[name], place)
    end
    if value[1] ~= nil then
      shape.wrong_type(value, path, expected or "a table of names")
    end
    return out
  end, expected or "a table of names", { item = item, named = true })
end

--- A default is handed out anew each time: callers may change what they get.
local function copy(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for key, held in next, value do out[key] = copy(held) end
  return out
end

local function rule_of(field)
  if type(field) == "function" then return { field } end
  return field
end

local function refuse_unknown(value, path, where, fields)
  for key in next, value do
    if type(key) ~= "string" then
      shape.refuse("K2101", shape.at(path, key), { where = where })
    end
  end
  for _, key in ipairs(values.keys(value)) do
    if not fields[key] then
      shape.refuse("K2101", shape.at(path, key), { where = where, field = key,
        suggestion = suggest.nearest(key, fields),
        expected = "one of " .. table.concat(values.keys(fields), ", ") })
    end
  end
end

--- A table with known fields.
-- @param where   what it is, for messages: "a budget"
-- @param fields  name -> a shape, or { shape, required =, default =, as = }
--   where `as` renames the field (so that units can live in names)
function shape.record(where, fields)
  local names = values.keys(fields)
  return shape.says(function(value, path)
    want_table(value, path, where .. " (a table)")
    refuse_unknown(value, path, where, fields)
    local out = {}
    for _, name in ipairs(names) do
      local rule, given = rule_of(fields[name]), value[name]
      if given ~= nil then
        out[rule.as or name] = rule[1](given, shape.at(path, name))
      elseif rule.required then
        shape.refuse("K2102", shape.at(path, name), { field = name,
          where = where })
      elseif rule.default ~= nil then
        out[rule.as or name] = copy(rule.default)
      end
    end
    return out
  end, "a table", { fields = fields })
end

return shape
