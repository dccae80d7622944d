--- C and Lua sources, as the house rules look at them.
local source = {}

function source.read(path)
  local f = assert(io.open(path, "rb"))
  local text = f:read "a"
  f:close()
  return text
end

local function lines_of(command)
  local list = {}
  local pipe = assert(io.popen(command))
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

--- Files below folders whose names end so, sorted.
function source.files(folders, ending)
  return lines_of(("find %s -name '*%s' 2>/dev/null | LC_ALL=C sort"):format(folders, ending))
end

--- What is under version control; without git, what is in the source folders.
function source.tracked()
  local list = lines_of "git ls-files 2>/dev/null"
  if #list > 0 then return list end
  return lines_of "find Makefile README.md config.lua .ci agents bench docs lua skills spec src vendor -type f 2>/dev/null | LC_ALL=C sort"
end

--- "src/bind_run.c" -> "bind_run"
function source.stem(path) return path:match "([^/]+)%.[^./]+$" end

--- Whether a name is one of the list; "x_*" stands for all that begin so.
function source.among(name, list)
  for _, pattern in ipairs(list) do
    if pattern:sub(-1) == "*" then
      if name:sub(1, #pattern - 1) == pattern:sub(1, -2) then return true end
    elseif name == pattern then
      return true
    end
  end
  return false
end

local function blank(text) return (text:gsub("[^\n]", " ")) end

-- One pass over a text: at each of `openers` (in order) what it opens ends where
-- `close(text, at)` says, and is blanked; strings are also collected.
local function strip(text, openers)
  local out, strings, at = {}, {}, 1
  while at <= #text do
    local from, opener = nil, nil
    for _, o in ipairs(openers) do
      local s = text:find(o.starts, at)
      if s and (not from or s < from) then from, opener = s, o end
    end
    if not from then break end
    local stop = opener.close(text, from)
    local piece = text:sub(from, stop)
    if opener.string then strings[#strings + 1] = { at = from, text = piece } end
    out[#out + 1] = text:sub(at, from - 1)
    out[#out + 1] = opener.string and '"' .. blank(piece:sub(2, -2)) .. '"' or blank(piece)
    at = stop + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out), strings
end

local function closing(pattern)
  return function(text, from) return select(2, text:find(pattern, from + 2)) or #text end
end

local function quoted(text, from)
  local quote = text:sub(from, from)
  local at = from + 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == "\\" then at = at + 1 elseif c == quote or c == "\n" then return at end
    at = at + 1
  end
  return #text
end

local function long_bracket(text, from)
  local level = text:match("^%-*%[(=*)%[", from)
  return select(2, text:find("]" .. level .. "]", from, true)) or #text
end

local c_openers = {
  { starts = "/%*", close = closing "%*/" },
  { starts = "//", close = function(text, from) return (text:find("\n", from, true) or #text + 1) - 1 end },
  { starts = '"', close = quoted, string = true },
  { starts = "'", close = quoted, string = true },
}

local lua_openers = {
  { starts = "%-%-%[=*%[", close = long_bracket },
  { starts = "%-%-", close = function(text, from) return (text:find("\n", from, true) or #text + 1) - 1 end },
  { starts = "%[=*%[", close = long_bracket, string = true },
  { starts = '"', close = quoted, string = true },
  { starts = "'", close = quoted, string = true },
}

--- The code without comments and with blanked strings (lines stay where they are),
-- and the list of its strings.
function source.code(path, text)
  text = text or source.read(path)
  return strip(text, path:match "%.lua$" and lua_openers or c_openers)
end

--- The line number of a position.
function source.line(text, at)
  return select(2, text:sub(1, at - 1):gsub("\n", "")) + 1
end

--- { name, system = true for <...>, line } of each #include.
function source.includes(path)
  local list, number = {}, 0
  for line in source.read(path):gmatch "([^\n]*)\n?" do
    number = number + 1
    local open, name = line:match '^%s*#%s*include%s*([<"])([^>"]+)[>"]'
    if name then list[#list + 1] = { name = name, system = open == "<", line = number } end
  end
  return list
end

--- { name, line, lines } of each function of a C file (its braces stand in column 1).
function source.functions(path)
  local list, name, from, number = {}, nil, nil, 0
  local head = ""
  for line in (source.code(path) .. "\n"):gmatch "([^\n]*)\n" do
    number = number + 1
    if line == "{" and head:find("(", 1, true) then
      name, from = head:match "([%w_]+)%s*%(" or "?", number
    elseif line:sub(1, 1) == "}" then
      if name then list[#list + 1] = { name = name, line = from, lines = number - from - 1 } end
      name, head = nil, ""
    elseif not name then
      head = line:match "^%s*$" and "" or head .. " " .. line
    end
  end
  return list
end

return source
