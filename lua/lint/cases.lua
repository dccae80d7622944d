--- Case files against their schema, with the line of what is wrong.
local case_schema = require "lint.case_schema"
local errors = require "errors"
local json = require "json"
local schema = require "schema"
local suggest = require "suggest"

local cases = {}

-- Places ----------------------------------------------------------------------------

--- Where the values of a JSON text begin: "/human/0/action" -> { key = byte, at = byte,
--- stop = byte }. The text is valid JSON.
local function places_of(text)
  local found, at = {}, 1
  local function blank() at = text:match("^%s*()", at) end
  local function string_end(from)
    local i = from + 1
    while text:sub(i, i) ~= '"' do i = i + (text:sub(i, i) == "\\" and 2 or 1) end
    return i + 1
  end
  local value
  local function members(path, close, read)
    at = at + 1
    blank()
    local n = 0
    while text:sub(at, at) ~= close do
      read(path, n)
      n = n + 1
      blank()
      if text:sub(at, at) == "," then at = at + 1 end
      blank()
    end
    at = at + 1
  end
  local function member(path)
    local from, stop = at, string_end(at)
    local key = json.decode(text:sub(from, stop - 1))
    at = text:match("^%s*:%s*()", stop)
    value(path .. "/" .. key:gsub("~", "~0"):gsub("/", "~1"), from)
  end
  local function item(path, n) value(path .. "/" .. n) end
  function value(path, key)
    blank()
    local place = { key = key or at, at = at }
    found[path] = place
    local c = text:sub(at, at)
    if c == "{" then members(path, "}", member)
    elseif c == "[" then members(path, "]", item)
    elseif c == '"' then at = string_end(at)
    else at = text:match("^[^%s,%]}]+()", at) or at + 1 end
    place.stop = at
  end
  value ""
  return found
end

--- An error of the catalogue at `length` bytes from `at`.
local function finding(number, fields, text, at, length)
  local line, start = 1, 1
  for stop in text:sub(1, at - 1):gmatch "\n()" do line, start = line + 1, stop end
  fields.source, fields.line, fields.byte, fields.length = text, line, at - start + 1, length
  fields.column = (utf8.len(text, start, at - 1) or at - start) + 1
  return errors.new(number, fields)
end

-- Checking ---------------------------------------------------------------------------

local validator

local function problem_at(text, file, path, place, detail)
  local length = math.min(place.stop, text:find("\n", place.from, true) or #text + 1) - place.from
  local err = finding("K1017", { name = file, detail = (path == "" and "" or path .. ": ") .. detail, file = file },
    text, place.from, math.max(1, length))
  err.level, err.path, err.case = "error", path, true
  return err
end

--- The member that a message names, when it stands there: unexpected keys have no path of
--- their own.
local function place_of(places, problem)
  local name = problem.keyword == "additionalProperties" and problem.message:match "^unexpected '(.-)'"
  local own = name and places[problem.path .. "/" .. name]
  if own then return { from = own.key, stop = own.at }, problem.path .. "/" .. name end
  local place = places[problem.path] or places[""]
  return { from = place.at, stop = place.stop }, problem.path
end

--- Two ways to say that one of several fields must be there are said in words.
local words = {
  ["/model"] = "a reply or an error is needed, and one of them",
  ["/events"] = "one of event, operator and offline_s is needed", ["/then"] = "one of event, operator and offline_s is needed",
  [""] = "workflow and now are needed, or a sequence",
}

local function said(problem)
  if problem.keyword ~= "oneOf" and problem.keyword ~= "anyOf" then return problem.message end
  return words[problem.path:match "^/%a+" or ""] or problem.message
end

--- Parts of `expect` that nothing checks.
local function unchecked(value, text, file, places, list)
  local known = case_schema.properties.expect.properties
  for _, key in ipairs(json.sorted_keys(type(value.expect) == "table" and value.expect or {})) do
    if not known[key] then
      local place = places["/expect/" .. key] or places["/expect"]
      local err = finding("K2359", { name = key, file = file, suggestion = suggest.nearest(key, known) }, text, place.key, #key + 2)
      err.level, err.path = "hint", "/expect/" .. key
      list[#list + 1] = err
    end
  end
end

--- What is wrong in a case file: a list of findings in the order of their lines.
function cases.check(text, file)
  local value, message = json.decode(text)
  if message then
    local line, column = message:match "line (%d+), column (%d+)"
    local at, number = 1, 1
    while line and number < tonumber(line) and text:find("\n", at, true) do at, number = text:find("\n", at, true) + 1, number + 1 end
    at = math.min(at + math.max(0, (tonumber(column) or 1) - 1), math.max(1, #text))
    return { problem_at(text, file, "", { from = at, stop = at + 1 }, message) }
  end
  validator = validator or assert(schema.compile(case_schema, { strict = true }))
  local list, places = {}, places_of(text)
  local ok, problems = validator:check(value)
  for _, problem in ipairs(not ok and problems or {}) do
    local place, path = place_of(places, problem)
    local err = problem_at(text, file, path, place, said(problem))
    err.unknown = problem.keyword == "additionalProperties" or nil
    list[#list + 1] = err
  end
  if type(value) == "table" then unchecked(value, text, file, places, list) end
  table.sort(list, function(a, b)
    if a.line ~= b.line then return a.line < b.line end
    return a.column < b.column
  end)
  return list
end

return cases
