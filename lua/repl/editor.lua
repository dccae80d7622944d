--- Entries typed at a terminal, with history, completion and several lines; or read from
--- a pipe.
--
--   local ed = assert(editor.open{ name = "keel", history = path,
--     complete = function(line, cursor) return from, candidates end,
--     more = function(text) return bool end })
--   ed:read("> ")   --> an entry | nil, "eof" | nil, "interrupt"
--   ed:close()
--
-- An entry is as many lines as `more` wants. The history is a file of one JSON text a
-- line, for this user's eyes; entries that begin with a space or look as if they held a
-- secret are not kept.
local file = require "file"
local json = require "json"
local terminal = require "terminal"

local editor = {}
editor.__index = editor

local private = tonumber("600", 8)
local continuation = "..> "

--- Entries in the file, at most; it is rewritten when there are half as many more.
local most_kept = 2000

-- ---- history -------------------------------------------------------------------------

local secrets = { "sk%-[%w_-]+", "[Bb]earer%s+%S", "[Pp]assword%s*=", "[Ss]ecret%s*=", "[Tt]oken%s*=", "api_?[kK]ey%s*=" }

--- A key that is long and has digits is one that opens something; memory's are words.
local function holds_key(text)
  for value in text:gmatch [[%f[%w]key%s*=%s*["']([%w_%-]+)]] do
    if #value >= 20 and value:find "%d" then return true end
  end
  return false
end

--- Whether an entry is kept in the file.
function editor.keeps(text)
  if text:find "^%s" or not text:find "%S" then return false end
  for _, pattern in ipairs(secrets) do
    if text:find(pattern) then return false end
  end
  return not holds_key(text)
end

local function entries_of(path)
  local entries, text = {}, path and file.read(path)
  for line in (text or ""):gmatch "[^\n]+" do
    local entry = json.decode(line)
    if type(entry) == "string" then entries[#entries + 1] = entry end
  end
  return entries
end

local function lines_of(entries, from)
  local lines = {}
  for i = from, #entries do lines[#lines + 1] = json.encode(entries[i]) .. "\n" end
  return table.concat(lines)
end

--- The entries that are there, the oldest first; the file is made if it is not.
local function load_history(path)
  local entries = entries_of(path)
  if not file.exists(path) then
    file.write(path, "", private)
  elseif #entries > most_kept * 3 // 2 then
    file.write(path, lines_of(entries, #entries - most_kept + 1), private)
  end
  return table.move(entries, math.max(1, #entries - most_kept + 1), #entries, 1, {})
end

local function remember(self, text)
  if self.last == text or not text:find "%S" then return end
  self.last = text
  if self.line then self.line:remember(text) end
  if self.history and editor.keeps(text) then file.append_sync(self.history, json.encode(text)) end
end

-- ---- completion -------------------------------------------------------------------------

--- What all candidates begin with.
local function common(candidates)
  local shared = candidates[1].text
  for _, one in ipairs(candidates) do
    while one.text:sub(1, #shared) ~= shared do shared = shared:sub(1, -2) end
  end
  while not utf8.len(shared) do shared = shared:sub(1, -2) end
  return shared
end

--- Candidates below the line: in columns, or one a line with what is known of it, when
--- they are few.
local function listed(candidates, width, most_lines)
  local t = terminal.new { tty = true, width = width, no_color = true }
  if #candidates <= 12 then
    local rows = {}
    for i, one in ipairs(candidates) do rows[i] = { one.text, one.note or "" } end
    return t:table({ { "" }, { "", shrink = true, least = 8 } }, rows, { bare = true, indent = 2 })
  end
  local widest = 0
  for _, one in ipairs(candidates) do widest = math.max(widest, math.min(terminal.columns(terminal.escape(one.text)), width - 2)) end
  local across = math.max(1, width // (widest + 2))
  local down = (#candidates + across - 1) // across
  local out = {}
  for row = 1, math.min(down, most_lines) do
    local cells = {}
    for column = 0, across - 1 do
      local one = candidates[column * down + row]
      if one then cells[#cells + 1] = terminal.pad(terminal.fit(one.text, widest), widest) end
    end
    out[#out + 1] = (table.concat(cells, "  "):gsub(" +$", ""))
  end
  if down > most_lines then out[#out + 1] = ("... %d more: type on"):format(#candidates - most_lines * across) end
  return table.concat(out, "\n") .. "\n"
end

--- TAB, as core.line asks for it.
local function on_tab(self, line, cursor, again)
  local from, candidates = self.complete(line, cursor)
  if #candidates == 0 then return 0 end
  local typed = line:sub(from, cursor)
  local shared = common(candidates)
  if #shared > #typed then return utf8.len(typed) or #typed, shared, nil end
  if #candidates > 1 and again then
    return 0, nil, listed(candidates, terminal.new { fd = 1 }.width, 20)
  end
  return 0
end

-- ---- the face ---------------------------------------------------------------------------

--- options: name, history (a path; without it nothing is kept), complete, more, tty
--- (whether to edit lines; by default whether input and output are a terminal).
function editor.open(options)
  local self = setmetatable({ more = options.more, complete = options.complete, history = options.history }, editor)
  local tty = options.tty
  if tty == nil then tty = file.isatty(0) and file.isatty(1) end
  if not tty then
    self.history = nil
    return self
  end
  local message, code
  self.line, message, code = require("core.line").open(options.name, function(line, cursor, again) return on_tab(self, line, cursor, again) end)
  if not self.line then return nil, message, code end
  for _, text in ipairs(self.history and load_history(self.history) or {}) do
    self.line:remember(text)
    self.last = text
  end
  return self
end

local function read_line(self, prompt)
  if self.line then return self.line:read(prompt) end
  local line = io.read "l"
  if line then return line end
  return nil, "eof"
end

--- One entry: its lines, joined by line ends.
function editor:read(prompt)
  local text, why, code = read_line(self, prompt)
  if not text then return nil, why, code end
  while self.more(text) do
    local line
    line, why, code = read_line(self, continuation)
    if not line and why == "eof" and not self.line then break end -- what is there is all there is
    if not line then
      if why == "eof" then why = "interrupt" end
      return nil, why, code
    end
    text = text .. "\n" .. line
  end
  remember(self, text)
  return text
end

function editor:close()
  if self.line then self.line:close() end
  self.line = nil
end

editor.__close = editor.close

return editor
