--- The scripts of spec/sandbox, as their directives make them (spec/sandbox_spec.lua says
-- what these mean).
local corpus = {}

function corpus.read(path)
  local handle = assert(io.open(path, "rb"))
  local text = handle:read "a"
  handle:close()
  return text
end

function corpus.directives(text)
  local found = {}
  for line in text:gmatch "[^\n]+" do
    local key, value = line:match "^%-%- (%l+): ?(.*)$"
    if key then found[key] = value end
  end
  return found
end

local function split(text)
  local out = {}
  for part in (text .. "||"):gmatch "(.-)||" do out[#out + 1] = part end
  return out
end

--- The source that a directive describes, or nil when the file is its own source.
function corpus.source(d, text)
  if d.raw then
    return (d.raw:gsub("\\r", "\r"):gsub("\\n", "\n"):gsub("\\(%d+)", function(n) return string.char(tonumber(n)) end))
  elseif d.first then
    return d.first .. "\n" .. text
  elseif d["repeat"] then
    local p = split(d["repeat"])
    return p[1] .. p[2]:rep(tonumber(p[3])) .. p[4] .. p[5]:rep(tonumber(p[6]))
  elseif d.number then
    local p, out = split(d.number), {}
    for i = 1, tonumber(p[2]) do out[i] = p[1]:gsub("%%d", i) end
    return table.concat(out, "\n")
  end
end

--- All of a folder: { area, name, path, text } in order of their paths.
function corpus.list(folder)
  local file = require "file"
  local found = {}
  for _, area in ipairs(file.list(folder) or {}) do
    for _, entry in ipairs(file.list(file.join(folder, area)) or {}) do
      local name = entry:match "^([%w_]+)%.lua$"
      if name then
        local path = file.join(folder, area, entry)
        found[#found + 1] = { area = area, name = name, path = path, text = corpus.read(path) }
      end
    end
  end
  table.sort(found, function(a, b) return a.path < b.path end)
  return found
end

return corpus
