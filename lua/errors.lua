--- Errors for people and programs.
--
--   local err = errors.new("K2101", { field = "bugdet", where = "the manifest",
--     file = "agents/x.lua", line = 12, source = text, suggestion = "budget" })
--   print(err)             -- number, what, where with the lines, why, next
--   errors.json(err)       -- the table that --json prints
--   errors.exit_code(err)  -- 10
--
-- An error is a plain table { number, code, message, exit, cause, next,
-- file?, line?, source?, expected?, suggestion?, fields }. Modules return it as
-- `nil, err`; nothing in here prints or raises for a known number.

local catalogue = require "errors.catalogue"
local embedded = require "core.embed"

local errors = {}

local by_code = {}
for number, entry in next, catalogue do by_code[entry.code] = number end

-- Texts -------------------------------------------------------------------

--- Put fields into a template; a [part] whose field is absent goes away.
local function fill(template, fields)
  local function put(text)
    local missing = false
    local out = text:gsub("{(%w[%w_]*)}", function(name)
      local value = fields[name]
      if value == nil or value == "" then
        missing = true
        return name:upper()
      end
      return tostring(value)
    end)
    return out, missing
  end
  local out, at = {}, 1
  for before, part, after in template:gmatch("([^%[]*)%[([^%]]*{[^%]]*)%]()") do
    out[#out + 1] = put(before)
    local text, missing = put(part)
    if not missing then out[#out + 1] = text end
    at = after
  end
  out[#out + 1] = put(template:sub(at))
  return table.concat(out)
end

--- A line under `text`, a line of an excerpt, that points at `length` bytes from `column`.
local function caret(text, column, length)
  local function columns(piece)
    return require("terminal").columns((piece:gsub("\t", "  ")))
  end
  local before = columns(text:sub(1, column - 1))
  if before > 96 then return nil end
  local under = columns(text:sub(column, column + length - 1))
  return "       | " .. (" "):rep(before) .. ("^"):rep(math.max(1, math.min(under, 97 - before)))
end

--- The lines around `line` of a source, the line itself marked. With a column (bytes, from
-- 1) a line below it points at `length` bytes from there.
-- Returns nil when the source has no such line.
function errors.excerpt(source, line, column, length)
  local lines, number = {}, 0
  for text in (source .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    if number >= line - 1 and number <= line + 1 then
      local raw = text
      text = text:gsub("\r$", ""):gsub("\t", "  ")
      if #text > 100 then
        text = text:sub(1, (utf8.offset(text, 0, 97) or 97) - 1) .. "..."
      end
      lines[#lines + 1] = ("%s %4d | %s"):format(number == line and ">" or " ",
        number, text)
      if number == line and column then lines[#lines + 1] = caret(raw, column, length or 1) end
    end
    if number > line then break end
  end
  if number < line then return nil end
  return table.concat(lines, "\n")
end

local function place(err)
  if not err.file then return nil end
  local name = err.line and ("%s:%d"):format(err.file, err.line) or err.file
  return err.column and ("%s:%d"):format(name, err.column) or name
end

--- The text for a person, several lines, without a newline at the end.
local function human(err)
  local out = { ("%s %s: %s"):format(err.number, err.code, err.message) }
  local function add(text) out[#out + 1] = text or nil end
  local where = place(err)
  add(where and "  at " .. where)
  if err.source and err.line then add(errors.excerpt(err.source, err.line, err.caret or err.byte, err.length)) end
  local told = err.expected and err.message:find(err.expected, 1, true)
  add(err.expected and not told and "  expected: " .. err.expected)
  add(err.suggestion and ("  did you mean '%s'?"):format(err.suggestion))
  add("  why: " .. err.cause)
  add("  next: " .. err.next)
  return table.concat(out, "\n")
end

local meta = { __tostring = human, __name = "keel error" }

-- Making ------------------------------------------------------------------

--- The command that an error names as the next to try; where this Keel has no such
-- command yet, the one that explains the error.
local function next_command(entry, fields)
  local text = fill(entry.next, fields)
  local name = text:match("^keel (%l+)")
  if name and not embedded.text("command." .. name) then return "keel explain " .. entry.number end
  return text
end

--- An error of the catalogue.
-- @param number  "K2101", or a code such as "unknown_field"
-- @param fields  values for the templates, and any of file, line, column (in
--   characters), source (the text of the file, for the excerpt), byte and length
--   (what the excerpt points at in its line, in bytes from 1), expected, suggestion, message (instead
--   of the catalogue's), next
function errors.new(number, fields)
  fields = fields or {}
  local entry = catalogue[number] or catalogue[by_code[number]]
  if not entry then
    error("no error is numbered " .. tostring(number), 2)
  end
  return setmetatable({
    number = entry.number, code = entry.code, exit = entry.exit,
    message = fields.message or fill(entry.title, fields),
    cause = entry.cause,
    next = fields.next or next_command(entry, fields),
    file = fields.file, line = fields.line, source = fields.source,
    column = fields.column, byte = fields.byte, length = fields.length,
    expected = fields.expected, suggestion = fields.suggestion,
    fields = fields,
  }, meta)
end

--- The catalogue's numbers for those codes of modules (src/err.h) that are not
-- themselves codes of the catalogue.
local of_module = { nomem = "K9008", io = "K9005", full = "K9002",
  locked = "K9001", damaged = "K9003", input = "K1004", limit = "K4004",
  state = "K1015", newer = "K9004", denied = "K9006", conflict = "K9007", network = "K8005",
  internal = "K9009" }

--- The error for a module's `nil, message, code`: its sentence, under the number
-- that the code stands for; an unknown code is an error of Keel itself.
-- @param fields  as for errors.new, optional
function errors.from(message, code, fields)
  local out = { message = tostring(message), detail = tostring(message) }
  for key, value in next, fields or {} do out[key] = value end
  return errors.new(of_module[code] or by_code[code] or "K9009", out)
end

--- Is this value an error made here?
function errors.is(value)
  return type(value) == "table" and getmetatable(value) == meta
end

--- A file that cannot be read: K1009, with what the system says of it but without its path
--- twice. more: other fields of the error, such as `file`.
function errors.unreadable(name, message, more)
  local fields = { name = name, detail = tostring(message):match "[^:]*$":gsub("^ ", "") }
  for key, value in pairs(more or {}) do fields[key] = value end
  return errors.new("K1009", fields)
end

--- What --json prints: { error = { number, code, message, file, line, next } }, and what the
-- field `more` of the error has besides.
function errors.json(err)
  local out = { number = err.number, code = err.code,
    message = err.message, file = err.file, line = err.line, column = err.column,
    expected = err.expected, suggestion = err.suggestion, next = err.next }
  for key, value in pairs(err.fields and err.fields.more or {}) do if out[key] == nil then out[key] = value end end
  return { error = out }
end

--- The exit code of an error; one for anything that is not of the catalogue is
-- that of an error of Keel itself.
function errors.exit_code(err)
  return type(err) == "table" and err.exit or catalogue.K9009.exit
end

-- Looking up ----------------------------------------------------------------

--- "unknown_field" -> "K2101"; nil for a code that is not in the catalogue.
function errors.number_of(code) return by_code[code] end

--- All numbers, sorted.
function errors.numbers()
  local numbers = {}
  for number in next, catalogue do numbers[#numbers + 1] = number end
  table.sort(numbers)
  return numbers
end

--- The page that `keel explain NUMBER` shows; nil, err for an unknown number.
function errors.explain(number)
  local name = tostring(number)
  local entry = catalogue[name:upper()] or catalogue[by_code[name]]
  if not entry then
    return nil, errors.new("K1016", { name = name,
      suggestion = require("suggest").nearest(name:upper(), errors.numbers()) })
  end
  local mend = entry.mend and "\n  better:\n\n    " .. fill(entry.mend, {}):gsub("\n", "\n    ") .. "\n\n" or ""
  return ("%s %s\n\n  %s\n\n  why:  %s\n%s  next: %s\n  exit: %d"):format(
    entry.number, entry.code, fill(entry.title, {}), entry.cause, mend,
    entry.mend and "keel lint" or fill(entry.next, {}), entry.exit)
end

--- The catalogue's entry, for lists of all errors: { number, code, exit, title,
-- cause, next }; what `keel lint` finds has `level` and `mend`, too.
function errors.entry(number) return catalogue[number] end

return errors
