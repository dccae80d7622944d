--- HTML made of elements that are functions. Nothing that is a text of data can become
--- markup: strings are escaped wherever they stand, and the only thing that is not escaped
--- is what an element of this file returned.
--
--   h.p { class = "note", "cost ", h.b { "4 < 5" } }   --> <p class="note">cost <b>4 &lt; 5</b></p>
--
-- Characters that hide or turn text are spelled out, as in a terminal: a page is no safer
-- a place for them. Lists among the children are laid flat; nil and false are nothing.
local terminal = require "terminal"

local html = {}

--- What an element returns. No value that was decoded from anywhere has this metatable.
local Markup = {}
Markup.__tostring = function(self) return self[1] end
Markup.__name = "markup"

local function is_markup(value) return getmetatable(value) == Markup end

local entities = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }

--- One text, escaped; its line breaks stay.
function html.escape(text)
  text = tostring(text)
  if text:find("[^\x20-\x7e]") then
    local out = {}
    for line in (text:gsub("\r\n?", "\n") .. "\n"):gmatch "([^\n]*)\n" do
      out[#out + 1] = terminal.escape((line:gsub("\t", "    ")))
    end
    text = table.concat(out, "\n")
  end
  return (text:gsub("[&<>\"']", entities))
end

local void = { input = true, br = true, hr = true, meta = true, link = true, rect = true, line = true, path = true,
  polyline = true, circle = true, col = true, wbr = true }

--- Where a link or a form may lead: to a page of ours, or a place on this one.
local function is_ours(url) return url:find "^/[^/\\]" ~= nil or url == "/" or url:find "^[#?]" ~= nil end

local links = { href = true, action = true, src = true }

local function attribute(out, name, value)
  if value == nil or value == false then return end
  if links[name] and not is_ours(tostring(value)) then value = "#" end
  out[#out + 1] = value == true and " " .. name or (' %s="%s"'):format(name, html.escape(value))
end

local function add_children(out, list)
  local last = 0
  for i in pairs(list) do if math.type(i) == "integer" and i > last then last = i end end
  for i = 1, last do
    local child = list[i]
    if is_markup(child) then
      out[#out + 1] = child[1]
    elseif type(child) == "table" then
      add_children(out, child)
    elseif child ~= nil and child ~= false then
      out[#out + 1] = html.escape(child)
    end
  end
end

local function attributes(out, fields)
  local names = {}
  for name in pairs(fields) do if type(name) == "string" then names[#names + 1] = name end end
  table.sort(names)
  for _, name in ipairs(names) do attribute(out, name, fields[name]) end
end

local function element(tag, fields)
  if type(fields) ~= "table" or is_markup(fields) then fields = { fields } end
  local out = { "<", tag }
  attributes(out, fields)
  out[#out + 1] = ">"
  if not void[tag] then
    add_children(out, fields)
    out[#out + 1] = "</" .. tag .. ">"
  elseif tag ~= "input" and tag ~= "br" and tag ~= "hr" and tag ~= "meta" and tag ~= "link" and tag ~= "col" and tag ~= "wbr" then
    out[#out] = fields[1] and ">" or "/>"
    if fields[1] then
      add_children(out, fields)
      out[#out + 1] = "</" .. tag .. ">"
    end
  end
  return setmetatable({ table.concat(out) }, Markup)
end

--- h.TAG { attributes and children }.
html.h = setmetatable({}, { __index = function(h, tag)
  local function make(fields) return element(tag, fields) end
  h[tag] = make
  return make
end })

--- Children without an element around them.
function html.all(list)
  local out = {}
  add_children(out, list)
  return setmetatable({ table.concat(out) }, Markup)
end

--- A whole page's text.
function html.document(root) return "<!doctype html>\n" .. tostring(root) .. "\n" end

--- "a b&c" as it may stand in a query.
function html.encode(text)
  return (tostring(text):gsub("[^%w_.~-]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- "/runs" and { agent = "x" } -> "/runs?agent=x"; fields that are empty are left out.
function html.url(path, query)
  local names, out = {}, {}
  for name, value in pairs(query or {}) do if value ~= "" and value ~= false then names[#names + 1] = name end end
  table.sort(names)
  for i, name in ipairs(names) do out[i] = html.encode(name) .. "=" .. html.encode(query[name]) end
  return #out > 0 and path .. "?" .. table.concat(out, "&") or path
end

return html
