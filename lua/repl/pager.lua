--- Text that is longer than the terminal is tall: through the user's pager, or a page at
--- a time.
--
--   local show = pager.new{ getenv = os.getenv }
--   show(text)
local program = require "core.program"
local file = require "file"

local pager = {}

local function exists(command)
  local name = command:match "%S+"
  for folder in (os.getenv "PATH" or "/usr/bin:/bin"):gmatch "[^:]+" do
    if file.exists(folder .. "/" .. name) then return true end
  end
  return name:find "/" ~= nil and file.exists(name)
end

--- The pager of this user: KEEL_PAGER, PAGER, else less where it is installed. Nil when
--- one of the two is set to nothing, or names nothing that is there.
local function chosen(getenv)
  for _, name in ipairs { "KEEL_PAGER", "PAGER" } do
    local command = getenv(name)
    if command then return command:find "%S" and exists(command) and command or nil end
  end
  return exists "less" and "less -FRX" or nil
end

local function through(command, text)
  local path = os.tmpname()
  if not file.write(path, text, tonumber("600", 8)) then return false end
  local ok, how, code = os.execute(command .. " <" .. path)
  os.remove(path)
  return ok or how == "signal" or code == 130
end

--- How many rows of the terminal a line takes.
local function rows_of(line, columns)
  local bare = line:gsub("\27%[[%d;]*m", "")
  return math.max(1, (require("terminal").columns(bare) + columns - 1) // columns)
end

--- A page at a time; q ends, anything else goes on.
local function by_page(text, rows, columns)
  local at, used, lines = 0, 0, {}
  for line in text:gmatch "([^\n]*)\n?" do lines[#lines + 1] = line end
  if lines[#lines] == "" then lines[#lines] = nil end
  for i, line in ipairs(lines) do
    local needs = rows_of(line, columns)
    if used + needs > rows - 1 then
      io.stdout:write(("-- %d %% -- Enter for more, q and Enter to end "):format(at * 100 // #lines))
      io.stdout:flush()
      local answer = io.read "l"
      if not answer or answer:find "^%s*q" then return end
      used = 0
    end
    io.stdout:write(line, "\n")
    at, used = i, used + needs
  end
end

local function taller(text, rows, columns)
  local used = 0
  for line in text:gmatch "[^\n]+" do
    used = used + rows_of(line, columns)
    if used > rows - 1 then return true end
  end
  return false
end

--- A function that shows a text. options: getenv.
function pager.new(options)
  local getenv = options.getenv or os.getenv
  return function(text)
    local rows, columns = program.rows(1), program.columns(1) or 80
    if not rows or not file.isatty(0) or not taller(text, rows, columns) then
      io.stdout:write(text)
      io.stdout:flush()
      return
    end
    io.stdout:flush()
    local command = chosen(getenv)
    if command and through(command, text) then return end
    by_page(text, rows, columns)
  end
end

return pager
