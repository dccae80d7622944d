-- inside.lua: what runs first in the REPL's sandbox (src/bind_console.c). It makes the
-- functions that ask the engine, and returns the ways in which the host enters.
--
-- Nothing here trusts what is typed: library functions are taken before it comes.
local core = ...

local call, load = core.call, core.load
local error, getmetatable, ipairs, next, pcall, rawget, rawset, select, setmetatable, tostring, type =
  error, getmetatable, ipairs, next, pcall, rawget, rawset, select, setmetatable, tostring, type
local byte, find, format, gmatch, gsub = string.byte, string.find, string.format, string.gmatch, string.gsub
local mathtype, max, len, pack, sort = math.type, math.max, utf8.len, table.pack, table.sort
local G = _G

local most_nodes, most_deep, most_values = 50000, 24, 9

local at_first = {} -- the names that were there before anything was typed

-- ---- what is shown -------------------------------------------------------------------

--- The length of a list: its keys are 1..n and nothing else; nil for other tables.
local function length(t)
  local n, count = 0, 0
  local ok = pcall(function()
    for key in next, t do
      count = count + 1
      if mathtype(key) ~= "integer" or key < 1 then count = -1 / 0 end
      n = max(n, mathtype(key) == "integer" and key or 0)
    end
  end)
  return ok and count == n and n > 0 and n or nil
end

local function byte_text(c) return format("\\x%02x", byte(c)) end

local function mark(what, more) return { ["$lua"] = what, more = more } end

local plain

local function plain_key(key)
  if type(key) == "string" then return key end
  if type(key) == "number" or type(key) == "boolean" then return "[" .. tostring(key) .. "]" end
  return "[" .. type(key) .. "]"
end

local function plain_table(value, state, deep)
  if state.inside[value] then return mark "cycle" end
  if deep > most_deep then return mark "deeper" end
  state.inside[value] = true
  local out, n = {}, length(value)
  if n then
    for i = 1, n do
      out[i] = plain(rawget(value, i), state, deep + 1)
      if state.nodes > most_nodes then
        out[i + 1] = mark("more", n - i)
        break
      end
    end
  else
    local ok = pcall(function()
      for key, item in next, value do
        out[plain_key(key)] = plain(item, state, deep + 1)
        if state.nodes > most_nodes then
          out["..."] = mark "more"
          break
        end
      end
    end)
    if not ok then out["..."] = mark "keys that are tables or functions" end
  end
  state.inside[value] = nil
  return out
end

--- A copy that can leave the sandbox: what cannot is told as { ["$lua"] = what }.
function plain(value, state, deep)
  state.nodes = state.nodes + 1
  local kind = type(value)
  if kind == "nil" then return mark "nil" end
  if kind == "table" then
    local ok, first = pcall(next, value)
    return ok and first == nil and value or plain_table(value, state, deep)
  end
  if kind == "number" and (value ~= value or value == 1 / 0 or value == -1 / 0) then return mark("number", tostring(value)) end
  if kind == "string" and not len(value) then return mark("bytes", (gsub(value, "[\128-\255]", byte_text))) end
  if kind == "function" or kind == "thread" then return mark(kind, state.names and state.names[value]) end
  return value
end

-- ---- what can be asked for -------------------------------------------------------------

local names_of = {} -- of the functions that ask the engine

local function asker(name)
  local function ask(...)
    local args = {}
    for i = 1, select("#", ...) do
      local arg = select(i, ...)
      if arg == nil then
        if i < select("#", ...) then error(name .. ": argument " .. i .. " is nil", 2) end
        break
      end
      args[i] = arg
    end
    local answer, why = call(name, args)
    if answer == nil then error(name .. ": " .. tostring(why), 2) end
    if answer.ok then return answer.value end
    error(answer.message, 0)
  end
  names_of[ask] = name
  return ask
end

local function place(name, value)
  local t, last = G, nil
  for part in gmatch(name, "[^.]+") do
    if last then
      if type(rawget(t, last)) ~= "table" then rawset(t, last, {}) end
      t = rawget(t, last)
    end
    last = part
  end
  rawset(t, last, value)
end

--- `skill` is called by name, and has every skill as a field.
local function skill_face(ask)
  return setmetatable({}, { __call = function(_, ...) return ask(...) end, __metatable = false,
    __index = function(_, name) return function(input) return ask(name, input) end end })
end

local entries = {}

--- Make the functions of these names, and set these values.
function entries.install(what)
  for _, name in ipairs(what.functions) do
    place(name, name == "skill" and skill_face(asker(name)) or asker(name))
  end
  for name, value in pairs(what.values or {}) do place(name, value) end
  for _, name in ipairs { "_", "_1", "_2", "_3", "_4", "_5", "_6", "_7", "_8", "_9" } do at_first[name] = true end
  for name in next, G do at_first[name] = true end
  return true
end

-- ---- what is typed ------------------------------------------------------------------------

local function compile(text, name)
  local fn = load("return " .. text, name)
  if fn then return fn, true end
  local why
  fn, why = load(text, name)
  return fn, why
end

--- Whether text is the beginning of something only.
function entries.more(text)
  local fn, why = compile(text, "=typed")
  return not fn and find(why, "near <eof>", 1, true) ~= nil
end

local function remember(value)
  for i = most_values, 2, -1 do rawset(G, "_" .. i, rawget(G, "_" .. i - 1)) end
  rawset(G, "_1", rawget(G, "_"))
  rawset(G, "_", value)
end

--- Run what was typed: { more = true } | { syntax = message } | { values = list }.
function entries.run(text)
  local fn, how = compile(text, "=typed")
  if not fn then
    if find(how, "near <eof>", 1, true) then return { more = true } end
    return { syntax = how }
  end
  local results = pack(fn())
  local values, state = {}, { nodes = 0, inside = {}, names = names_of }
  for i = 1, results.n do values[i] = plain(results[i], state, 1) end
  if results.n > 0 and results[1] ~= nil then remember(results[1]) end
  return { values = values }
end

-- ---- looking in from outside -----------------------------------------------------------------

local function followed(path)
  local value = G
  for _, key in ipairs(path) do
    if type(value) ~= "table" then return nil end
    value = rawget(value, key)
  end
  return value
end

--- The names in the table at a path from the globals: { { name, kind } ... }; runs nothing
-- of what was typed.
function entries.fields(path)
  local value, list = followed(path), {}
  if type(value) ~= "table" then return list end
  pcall(function()
    for key, item in next, value do
      if type(key) == "string" and #list < 2000 then list[#list + 1] = { name = key, kind = type(item) } end
    end
  end)
  sort(list, function(a, b) return a.name < b.name end)
  return list
end

local function portable(value, deep, inside)
  local kind = type(value)
  if kind == "string" then return len(value) ~= nil end
  if kind ~= "table" then return kind == "boolean" or kind == "number" and value == value and value ~= 1 / 0 and value ~= -1 / 0 end
  if deep > most_deep or inside[value] then return false end
  inside[value] = true
  local n = length(value)
  local ok, whole = pcall(function()
    for key, item in next, value do
      if not n and type(key) ~= "string" or not portable(item, deep + 1, inside) then return false end
    end
    return true
  end)
  inside[value] = nil
  return ok and whole
end

--- The variables of the session, as far as they can be carried to another sandbox.
function entries.keep()
  local kept, lost = {}, {}
  for name, value in next, G do
    if type(name) == "string" and (not at_first[name] or find(name, "^_%d?$")) then
      if portable(value, 1, {}) then kept[name] = value else lost[#lost + 1] = name end
    end
  end
  sort(lost)
  return { kept = kept, lost = lost }
end

function entries.restore(kept)
  for name, value in next, kept do rawset(G, name, value) end
  return true
end

return entries
