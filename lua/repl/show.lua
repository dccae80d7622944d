--- How the REPL shows values: lists of like things as tables, other things as trees; or as
--- JSON, or as Lua that could be typed again.
--
-- A value here is what lua/repl/inside.lua let out: what cannot leave a sandbox is
-- { ["$lua"] = "function" | "cycle" | "nil" | ..., more = text }.
local json = require "json"
local terminal = require "terminal"
local view = require "view"

local show = {}

--- Columns that come first, in this order; the others follow by name.
local first = {}
for i, name in ipairs { "score", "id", "run", "seq", "agent", "skill", "schedule", "namespace", "ns", "type", "kind", "layer", "key", "name",
  "subject", "version", "state", "waiting_for", "risk", "time", "t", "at", "local", "created", "text", "about", "value", "args",
  "result", "output", "error" } do first[name] = i end

local last = 1000

--- What a marked value is called; nil for any other value.
local function marked(value)
  if type(value) ~= "table" or rawget(value, "$lua") == nil then return nil end
  local what, more = value["$lua"], value.more
  if what == "nil" then return "nil" end
  if what == "number" then return tostring(more) end
  if what == "bytes" then return tostring(more) end
  if what == "function" then return more and "function " .. more or "function" end
  if what == "more" then return more and ("... %d more"):format(more) or "... more" end
  return "(" .. tostring(what) .. ")"
end

--- The value with every marked one in words, and numbers that are whole shown so.
local function worded(value, deep)
  local text = marked(value)
  if text then return text end
  if type(value) ~= "table" or value == json.null then return value end
  if deep > 12 then return "..." end
  local out = json.is_list(value) and json.array {} or {}
  for key, item in pairs(value) do out[key] = worded(item, deep + 1) end
  return out
end

-- ---- tables ------------------------------------------------------------------------

--- Whether a list is one of like objects, which reads best as a table.
local function is_rows(value)
  if type(value) ~= "table" or value == json.null or not json.is_list(value) or #value == 0 then return false end
  for _, item in ipairs(value) do
    if type(item) ~= "table" or item == json.null or marked(item) or next(item) == nil or json.is_list(item) then return false end
  end
  return true
end

local function columns_of(rows, most)
  local names, seen = {}, {}
  for i = 1, math.min(#rows, most) do
    for key in pairs(rows[i]) do
      if not seen[key] then
        seen[key] = true
        names[#names + 1] = key
      end
    end
  end
  table.sort(names, function(a, b)
    local x, y = first[a] or last, first[b] or last
    if x ~= y then return x < y end
    return tostring(a) < tostring(b)
  end)
  return names
end

--- Columns whose cells are only good whole.
local whole = { id = true, run = true, seq = true, version = true, time = true, t = true, at = true, created = true, updated = true, ended = true,
  deadline = true, newest = true }

local function is_money(name) return name:find("_picousd$") ~= nil end

local function cell(name, value)
  if value == nil or value == json.null then return "" end
  if is_money(name) and math.tointeger(tonumber(value)) then return terminal.money(value) end
  if math.type(value) == "float" then return ("%.6g"):format(value) end
  local day, clock = tostring(value):match("^(%d%d%d%d%-%d%d%-%d%d)T(%d%d:%d%d:%d%d)%.?%d*Z$")
  if day then return day .. " " .. clock end
  return view.short(worded(value, 1))
end

local function as_table(t, rows, limit)
  local names, columns, cells = columns_of(rows, limit), {}, {}
  for i, name in ipairs(names) do
    local numbers = true
    for j = 1, math.min(#rows, limit) do
      numbers = numbers and (rows[j][name] == nil or type(rows[j][name]) == "number" or is_money(name))
    end
    columns[i] = { (name:gsub("_picousd$", "")), right = numbers, shrink = not numbers and not whole[name], least = 12, most = 60,
      style = i == 1 and "name" or nil, drop = i > 2 and (whole[name] and i + #names or i) or nil }
  end
  for j = 1, math.min(#rows, limit) do
    cells[j] = {}
    for i, name in ipairs(names) do cells[j][i] = cell(name, rows[j][name]) end
  end
  local text = t:table(columns, cells)
  if #rows > limit then text = text .. t:style("dim", ("... %d more (.limit)"):format(#rows - limit)) .. "\n" end
  return text
end

-- ---- Lua ------------------------------------------------------------------------------

local keywords = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
    while]]):gmatch "%a+" do keywords[word] = true end

local function lua_key(key)
  if type(key) == "string" and key:find "^[%a_][%w_]*$" and not keywords[key] then return key end
  return type(key) == "string" and ("[%q]"):format(key) or ("[%s]"):format(tostring(key))
end

local function lua_text(text)
  return '"' .. terminal.escape((text:gsub("\\", "\\\\"):gsub('"', '\\"'))) .. '"'
end

local function add_lua(out, value, indent)
  local text = marked(value)
  if text then
    out[#out + 1] = (text == "nil" or value["$lua"] == "number") and text or "nil --[[" .. text .. "]]"
  elseif value == json.null or value == nil then
    out[#out + 1] = "null"
  elseif type(value) == "string" then
    out[#out + 1] = lua_text(value)
  elseif type(value) ~= "table" then
    out[#out + 1] = math.type(value) == "float" and ("%.17g"):format(value) or tostring(value)
  elseif next(value) == nil then
    out[#out + 1] = "{}"
  else
    out[#out + 1] = "{\n"
    local inner = indent .. "  "
    if json.is_list(value) then
      for _, item in ipairs(value) do
        out[#out + 1] = inner
        add_lua(out, item, inner)
        out[#out + 1] = ",\n"
      end
    else
      for _, key in ipairs(json.sorted_keys(value)) do
        out[#out + 1] = inner .. terminal.escape(lua_key(key)) .. " = "
        add_lua(out, value[key], inner)
        out[#out + 1] = ",\n"
      end
    end
    out[#out + 1] = indent .. "}"
  end
end

-- ---- the face ------------------------------------------------------------------------------

show.modes = { table = true, tree = true, json = true, lua = true }

--- A value for programs: marked ones are null, but numbers that JSON does not know and
--- bytes, which are text.
function show.for_json(value)
  if type(value) ~= "table" or value == json.null then return value end
  local what = rawget(value, "$lua")
  if what == "number" or what == "bytes" then return value.more end
  if what ~= nil then return json.null end
  local out = json.is_list(value) and json.array {} or {}
  for key, item in pairs(value) do out[key] = show.for_json(item) end
  return out
end

--- A value as text that ends in a newline. how: mode, limit (rows of a table). t: a
--- terminal.
function show.value(t, value, how)
  if how.mode == "json" then return (json.encode(show.for_json(value), 2) or "null") .. "\n" end
  if how.mode == "lua" then
    local out = {}
    add_lua(out, value, "")
    return table.concat(out) .. "\n"
  end
  if how.mode == "table" and is_rows(value) then return as_table(t, value, how.limit) end
  if type(value) == "table" and value ~= json.null and next(value) == nil then
    return t:style("dim", json.is_list(value) and "an empty list" or "{}") .. "\n"
  end
  return view.value(worded(value, 1), t.width, 0)
end

return show
