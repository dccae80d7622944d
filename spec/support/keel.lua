--- The binary under test as a child process, as a person would call it.
local program = require "spec.support.program"

local function quoted(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

local function take(path)
  local handle = assert(io.open(path))
  local text = handle:read("a")
  handle:close()
  os.remove(path)
  return text
end

--- keel({ "run", "hello", "--json" }, { input = text, env = "A=1 B=2", cd = folder })
-- Returns { out, err, code }.
return function(words, options)
  options = options or {}
  local out, err, input = os.tmpname(), os.tmpname(), os.tmpname()
  local handle = assert(io.open(input, "w"))
  handle:write(options.input or "")
  handle:close()
  local parts = {}
  for i, word in ipairs(words) do parts[i] = quoted(word) end
  local _, _, code = os.execute(("cd %s && env -u KEEL_HOME -u COLUMNS -u NO_COLOR %s %s %s"
    .. " <%s >%s 2>%s"):format(quoted(options.cd or "."), options.env or "", quoted(program),
    table.concat(parts, " "), input, out, err))
  os.remove(input)
  return { out = take(out), err = take(err), code = code }
end
