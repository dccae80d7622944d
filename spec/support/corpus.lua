--- The scripts of spec/sandbox/ and what their first lines say (see spec/sandbox_spec.lua).
local corpus = {}

function corpus.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

--- What its first lines say: key -> value.
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

--- The source a directive describes, or nil when the file is its own source.
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

return corpus
