--- The keywords that judge one value by itself (the validation vocabulary).
--
-- Each entry is keyword(argument, schema, compiler, at) -> check or nil. It
-- refuses a malformed argument, and returns check(run, value) -> true or the
-- result of run:fail(). `at` is the place of the keyword in the schema.

local formats = require "schema.formats"
local multiple = require "schema.multiple"
local regex = require "regex"
local registry = require "schema.registry"
local suggest = require "suggest"
local values = require "schema.values"

local refuse, kind = registry.refuse, values.kind

local keywords = {}

-- Arguments -------------------------------------------------------------

local function want_count(argument, at)
  local count = type(argument) == "number" and math.tointeger(argument)
  if not count or count < 0 then
    refuse(at, "expected an integer from 0, got " .. values.show(argument))
  end
  return count
end

local function want_number(argument, at)
  if type(argument) ~= "number" then
    refuse(at, "expected a number, got " .. values.show(argument))
  end
  return argument
end

local function want_names(argument, at)
  if type(argument) ~= "table" then
    refuse(at, "expected a list of names, got " .. values.show(argument))
  end
  for key, name in next, argument do
    if math.type(key) ~= "integer" or type(name) ~= "string" then
      refuse(at, "expected a list of names")
    end
  end
  return argument
end
keywords.want_names = want_names

-- type, enum, const -----------------------------------------------------

local type_tests = {
  null = function(k) return k == "null" end,
  boolean = function(k) return k == "boolean" end,
  string = function(k) return k == "string" end,
  number = function(k) return k == "number" end,
  integer = function(k, value)
    return k == "number" and values.is_integer(value)
  end,
  array = function(k, _, decoded)
    return k == "array" or (k == "empty" and not decoded)
  end,
  object = function(k) return k == "object" or k == "empty" end,
}

local function want_type(name, at)
  if type_tests[name] then return name end
  local near = suggest.nearest(name, type_tests)
  refuse(at, ("expected a type (array, boolean, integer, null, number, object,"
    .. " string), got %s%s"):format(values.show(name),
    near and (", did you mean '" .. near .. "'?") or ""), "type")
end

function keywords.type(argument, _, _, at)
  local names = type(argument) == "table" and argument or { argument }
  local tests = {}
  for i, name in ipairs(names) do
    tests[i] = type_tests[want_type(name, at)]
  end
  if #tests == 0 then refuse(at, "expected at least one type", "type") end
  local expected = table.concat(names, " or ")
  return function(run, value)
    local k = kind(value)
    for i = 1, #tests do
      if tests[i](k, value, run.decoded) then return true end
    end
    return run:fail("type", "expected %s, got %s", expected,
      values.type_name(value))
  end
end

local function shown_list(list)
  local shown = {}
  for i = 1, math.min(#list, 8) do shown[i] = values.show(list[i]) end
  if #list > 8 then shown[9] = "..." end
  return table.concat(shown, ", ")
end

--- What keeps a schema's own constants from taking forever to write down.
local function no_charge(cost)
  if cost == math.huge then error("a constant is nested too deep", 0) end
end

function keywords.enum(argument, _, compiler, at)
  if type(argument) ~= "table" or (next(argument) ~= nil and #argument == 0) then
    refuse(at, "expected a list of values", "enum")
  end
  local known, names = {}, {}
  for i = 1, #argument do
    known[values.canonical(argument[i], compiler.decoded, no_charge)] = true
    if type(argument[i]) == "string" then names[#names + 1] = argument[i] end
  end
  local shown = shown_list(argument)
  return function(run, value)
    if known[run:canonical(value)] then return true end
    local near = not run.quiet and suggest.nearest(value, names)
    return run:fail("enum", "expected one of %s, got %s%s", shown,
      values.show(value), near and (", did you mean '" .. near .. "'?") or "")
  end
end

function keywords.const(argument, _, compiler)
  local wanted = values.canonical(argument, compiler.decoded, no_charge)
  return function(run, value)
    if run:canonical(value) == wanted then return true end
    return run:fail("const", "expected %s, got %s", values.show(argument),
      values.show(value))
  end
end

-- Numbers ---------------------------------------------------------------

local function bound(name, holds, words)
  keywords[name] = function(argument, _, _, at)
    local limit = want_number(argument, at)
    return function(run, value)
      if type(value) ~= "number" or holds(value, limit) then return true end
      return run:fail(name, "expected %s %s, got %s", words, limit, value)
    end
  end
end

bound("minimum", function(v, limit) return v >= limit end, "at least")
bound("maximum", function(v, limit) return v <= limit end, "at most")
bound("exclusiveMinimum", function(v, limit) return v > limit end, "more than")
bound("exclusiveMaximum", function(v, limit) return v < limit end, "less than")

function keywords.multipleOf(argument, _, _, at)
  if want_number(argument, at) <= 0 then
    refuse(at, "expected a number above 0", "multipleOf")
  end
  return function(run, value)
    if type(value) ~= "number" or multiple.divides(argument, value) then
      return true
    end
    return run:fail("multipleOf", "expected a multiple of %s, got %s", argument,
      value)
  end
end

-- Sizes -----------------------------------------------------------------

local function length(run, text)
  run:charge(#text // 256)
  return utf8.len(text) or #text
end

local function plural(count, word)
  return ("%d %s%s"):format(count, word, count == 1 and "" or "s")
end

--- A pair of keywords that bound a size; size(run, value) is nil when the
-- value is not of the kind that has it.
local function sized(suffix, word, size)
  local function define(name, words, holds)
    keywords[name] = function(argument, _, _, at)
      local limit = want_count(argument, at)
      return function(run, value)
        local count = size(run, value)
        if not count or holds(count, limit) then return true end
        return run:fail(name, "expected %s %s, got %d", words,
          plural(limit, word), count)
      end
    end
  end
  define("min" .. suffix, "at least", function(n, limit) return n >= limit end)
  define("max" .. suffix, "at most", function(n, limit) return n <= limit end)
end

sized("Length", "character", function(run, value)
  return type(value) == "string" and length(run, value) or nil
end)

sized("Items", "item", function(run, value)
  return run:is_array(value) and #value or nil
end)

sized("Properties", "property", function(run, value)
  return run:is_object(value) and #run:keys(value) or nil
end)

-- Strings ---------------------------------------------------------------

--- A compiled pattern, or a refusal that says where it is wrong.
function keywords.want_pattern(pattern, at)
  if type(pattern) ~= "string" then refuse(at, "expected a pattern", "pattern") end
  local compiled, problem = regex.compile(pattern)
  if not compiled then
    refuse(at, ("the pattern %s cannot be used: %s (at character %d)")
      :format(values.show(pattern), problem.message, problem.at), "pattern")
  end
  return compiled
end

function keywords.pattern(argument, _, _, at)
  local pattern = keywords.want_pattern(argument, at)
  return function(run, value)
    if type(value) ~= "string" or run:matches(pattern, value) then return true end
    return run:fail("pattern", "expected text that matches %s, got %s",
      argument, values.show(value))
  end
end

function keywords.format(argument, _, compiler, at)
  if type(argument) ~= "string" then refuse(at, "expected a name", "format") end
  local test = formats[argument]
  if not test or not compiler.assert_formats then return nil end
  return function(run, value)
    if type(value) ~= "string" then return true end
    run:charge(#value // 8)
    if test(value) then return true end
    return run:fail("format", "expected the format %s, got %s", argument,
      values.show(value))
  end
end

-- Arrays and objects ----------------------------------------------------

function keywords.uniqueItems(argument, _, _, at)
  if type(argument) ~= "boolean" then refuse(at, "expected true or false") end
  if not argument then return nil end
  return function(run, value)
    if not run:is_array(value) then return true end
    local seen = {}
    for i = 1, #value do
      local key = run:canonical(value[i])
      if seen[key] then
        return run:fail("uniqueItems", "items %d and %d are equal", seen[key] - 1,
          i - 1)
      end
      seen[key] = i
    end
    return true
  end
end

--- Every name of the list must be in the object; `why` ends the message.
local function require_names(run, object, names, keyword, why)
  local ok = true
  for i = 1, #names do
    if object[names[i]] == nil then
      local near = not run.quiet and suggest.nearest(names[i], object)
      ok = run:fail(keyword, "missing '%s'%s%s", names[i], why,
        near and (", there is '" .. near .. "'") or "")
      if run.stop then return false end
    end
  end
  return ok
end

function keywords.required(argument, _, _, at)
  local names = want_names(argument, at)
  return function(run, value)
    if not run:is_object(value) then return true end
    return require_names(run, value, names, "required", "")
  end
end

function keywords.dependentRequired(argument, _, _, at)
  if type(argument) ~= "table" then refuse(at, "expected an object of lists") end
  local triggers = values.keys(argument)
  for _, name in ipairs(triggers) do
    want_names(argument[name], registry.extended(at, name))
  end
  return function(run, value)
    if not run:is_object(value) then return true end
    local ok = true
    for _, name in ipairs(triggers) do
      if value[name] ~= nil then
        ok = require_names(run, value, argument[name], "dependentRequired",
          (", which '%s' needs"):format(name)) and ok
      end
    end
    return ok
  end
end

return keywords
