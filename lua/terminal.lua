--- Text for a person's terminal.
--
--   local t = terminal.new { fd = 1, no_color = args.no_color }
--   io.write(t:style("good", "done"), t:table({ { "run" }, { "cost", right = true } },
--     { { "r1", "$0.01" } }))
--
-- What scripts, mails and models say is shown, never obeyed: `escape` spells out
-- every character that could move the cursor, change colours, hide text or turn
-- its direction, so a payload cannot forge a line of ours. Tables and `fit` escape
-- by themselves. Colour is never the only sign of anything.

local program = require "core.program"

local terminal = {}
terminal.__index = terminal

-- Characters ------------------------------------------------------------------

--- Code points that print nothing themselves but change how others look.
local dangerous = {
  { 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x61c, 0x61c },
  { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180e }, { 0x200b, 0x200b }, { 0x200e, 0x200f },
  { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x2800, 0x2800 }, { 0x3164, 0x3164 }, { 0xfeff, 0xfeff },
  { 0xffa0, 0xffa0 }, { 0xfff9, 0xfffb }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
}

--- Ranges that take no column, and ranges that take two.
local narrow = {
  { 0x300, 0x36f }, { 0x483, 0x489 }, { 0x591, 0x5bd }, { 0x610, 0x61a },
  { 0x64b, 0x65f }, { 0x93c, 0x93c }, { 0x94d, 0x94d }, { 0xe31, 0xe31 },
  { 0xe34, 0xe3a }, { 0xe47, 0xe4e }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
  { 0x200c, 0x200d }, { 0x20d0, 0x20ff }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
}
local wide = {
  { 0x1100, 0x115f }, { 0x2e80, 0x303e }, { 0x3041, 0x33ff }, { 0x3400, 0x4dbf },
  { 0x4e00, 0x9fff }, { 0xa000, 0xa4cf }, { 0xac00, 0xd7a3 }, { 0xf900, 0xfaff },
  { 0xfe30, 0xfe6f }, { 0xff00, 0xff60 }, { 0xffe0, 0xffe6 },
  { 0x1f300, 0x1f64f }, { 0x1f680, 0x1f6ff }, { 0x1f900, 0x1faff },
  { 0x20000, 0x3fffd },
}

local function within(code, ranges)
  for _, range in ipairs(ranges) do
    if code < range[1] then return false end
    if code <= range[2] then return true end
  end
  return false
end

local function columns_of(code)
  if code < 0x300 then return 1 end
  return within(code, narrow) and 0 or within(code, wide) and 2 or 1
end

--- Marks on one letter that are shown as they are; more of them cover the lines around.
local most_marks = 8

local short_names = { [9] = "\\t", [10] = "\\n", [13] = "\\r" }

--- Call each(piece, columns) for every character, made harmless, until it says true. Bytes
-- that are not UTF-8 are told as \xNN.
local function each_piece(text, each)
  local at = 1
  while at <= #text do
    local stop, bad = utf8.len(text, at)
    bad = stop and #text + 1 or bad
    local before, marks = 0, 0
    for _, code in utf8.codes(text:sub(at, bad - 1)) do
      -- joiners belong to scripts and emoji; behind a letter of ASCII they only hide a difference
      local joins = (code == 0x200c or code == 0x200d) and before < 0x80
      before, marks = code, columns_of(code) == 0 and marks + 1 or 0
      if joins or marks > most_marks or within(code, dangerous) then
        local name = short_names[code] or ("\\u{%x}"):format(code)
        if each(name, #name) then return end
      elseif each(utf8.char(code), columns_of(code)) then -- not what lies there: bytes that are none of it may follow
        return
      end
    end
    if bad <= #text and each(("\\x%02x"):format(text:byte(bad)), 4) then return end
    at = bad + 1
  end
end

--- Plain printable ASCII needs no second look.
local function is_plain(text) return not text:find("[^\x20-\x7e]") end

--- The text as one harmless line.
function terminal.escape(text)
  text = tostring(text)
  if is_plain(text) then return text end
  local out = {}
  each_piece(text, function(piece) out[#out + 1] = piece end)
  return table.concat(out)
end

--- The same, line by line: a list. Tabs become spaces, CRLF one line end.
function terminal.lines(text)
  local out = {}
  text = tostring(text):gsub("\r\n", "\n"):gsub("\t", "    "):gsub("\n+$", "")
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    out[#out + 1] = terminal.escape(line)
  end
  return out
end

--- A message of ours with others' words in it, for a log: harmless, and only its first
-- line begins at the margin.
function terminal.message(text)
  return table.concat(terminal.lines(text), "\n    ")
end

--- How many columns an escaped text takes.
function terminal.columns(text)
  if is_plain(text) then return #text end
  local sum = 0
  each_piece(text, function(_, columns) sum = sum + columns end)
  return sum
end

--- One harmless line of at most `width` columns; what was cut ends in "…".
function terminal.fit(text, width)
  text = tostring(text)
  if is_plain(text) and #text <= width then return text end
  local pieces, widths, sum = {}, {}, 0
  each_piece(text, function(piece, columns)
    pieces[#pieces + 1], widths[#widths + 1] = piece, columns
    sum = sum + columns
    return sum > width
  end)
  if sum <= width then return table.concat(pieces) end
  while #pieces > 0 and sum > width - 1 do
    sum = sum - table.remove(widths)
    table.remove(pieces)
  end
  return width > 0 and table.concat(pieces) .. "…" or ""
end

local function pad(text, width, right)
  local space = (" "):rep(width - terminal.columns(text))
  return right and space .. text or text .. space
end
terminal.pad = pad

--- A word too long for a line, in lines; the last of them is returned, the others go to `out`.
local function broken(text, width, out)
  local line, used = {}, 0
  each_piece(text, function(piece, columns)
    if used + columns > width and #line > 0 then
      out[#out + 1] = table.concat(line)
      line, used = {}, 0
    end
    line[#line + 1] = piece
    used = used + columns
  end)
  return table.concat(line)
end

--- Harmless lines of at most `width` columns, broken at spaces where possible.
function terminal.wrap(text, width)
  local out = {}
  for _, line in ipairs(terminal.lines(text)) do
    if terminal.columns(line) <= width then
      out[#out + 1] = line
    else
      local indent = line:match("^ *"):sub(1, width // 2)
      local current = indent
      for word in line:gmatch("%S+") do
        local joined = current == indent and indent .. word
          or current .. " " .. word
        if terminal.columns(joined) > width and current ~= indent then
          out[#out + 1] = current
          joined = indent .. word
        end
        current = terminal.columns(joined) > width and broken(joined, width, out) or joined
      end
      if current ~= indent then out[#out + 1] = current end
    end
  end
  return out
end

-- A terminal --------------------------------------------------------------------

local styles = {
  good = "32", bad = "31", warn = "33", dim = "2", strong = "1", name = "36",
}

local function set(value) return value ~= nil and value ~= "" end

local function wants_color(tty, getenv)
  if set(getenv "NO_COLOR") then return false end
  if set(getenv "CLICOLOR_FORCE") and getenv "CLICOLOR_FORCE" ~= "0" then return true end
  return tty and getenv "TERM" ~= "dumb"
end

--- options: fd (1), no_color, getenv (os.getenv), tty and width to override.
-- `width` is the terminal's or COLUMNS; math.huge where nothing bounds a line.
function terminal.new(options)
  options = options or {}
  local getenv, fd = options.getenv or os.getenv, options.fd or 1
  local tty = options.tty
  if tty == nil then tty = program.isatty(fd) end
  local width = options.width or tonumber(getenv "COLUMNS")
    or tty and (program.columns(fd) or 80) or math.huge
  return setmetatable({
    tty = tty, width = math.max(width, 20),
    color = not options.no_color and wants_color(tty, getenv),
  }, terminal)
end

--- Our own text in a style: good bad warn dim strong name.
function terminal:style(style, text)
  if not self.color or not style or text == "" then return text end
  return ("\27[%sm%s\27[0m"):format(styles[style], text)
end

local gap = 2

local function wanted_widths(columns, rows)
  local widths, total = {}, -gap
  for i, column in ipairs(columns) do
    widths[i] = terminal.columns(column[1])
    for _, row in ipairs(rows) do
      widths[i] = math.max(widths[i], terminal.columns(row[i]))
    end
    widths[i] = math.min(widths[i], column.most or math.huge)
    total = total + widths[i] + gap
  end
  return widths, total
end

--- Give columns the widths that their cells want, then take from the widest of
-- those that may shrink until the line fits. Returns widths, and by how much the
-- line is still too long.
local function fit_widths(columns, rows, width)
  local widths, total = wanted_widths(columns, rows)
  while total > width do
    local widest
    for i, column in ipairs(columns) do
      if column.shrink and widths[i] > (column.least or 6)
          and (not widest or widths[i] > widths[widest]) then
        widest = i
      end
    end
    if not widest then break end
    widths[widest], total = widths[widest] - 1, total - 1
  end
  return widths, math.max(total - width, 0)
end

--- Columns and cells without the column that is the first to go; nil when all of
-- them must stay.
local function without_least(columns, cells)
  local least
  for i, column in ipairs(columns) do
    if column.drop and (not least or column.drop > columns[least].drop) then least = i end
  end
  if not least then return nil end
  table.remove(columns, least)
  for _, row in ipairs(cells) do table.remove(row, least) end
  return true
end

--- A table as text. Columns are { title, right =, shrink =, least =, most =,
-- drop =, style = name or function(cell, row) }; rows are lists of cells. A column
-- whose cells are all empty is left out, and where the line is too narrow those with
-- the highest `drop`. options.indent, options.bare (no titles).
function terminal:table(columns, rows, options)
  options = options or {}
  local indent = (" "):rep(options.indent or 0)
  local kept, cells = {}, {}
  for r = 1, #rows do cells[r] = { row = rows[r] } end
  for i, column in ipairs(columns) do
    local any = false
    for _, row in ipairs(rows) do any = any or set(row[i]) end
    if any then
      kept[#kept + 1] = column
      for r, row in ipairs(rows) do
        cells[r][#kept] = terminal.escape(row[i] == nil and "" or row[i])
      end
    end
  end
  local widths, over = fit_widths(kept, cells, self.width - #indent)
  while over > 0 and without_least(kept, cells) do
    widths, over = fit_widths(kept, cells, self.width - #indent)
  end
  local out = {}
  local function line(row, style_of)
    local parts = {}
    for i, column in ipairs(kept) do
      local text = terminal.fit(row[i], widths[i])
      local space = (" "):rep(widths[i] - terminal.columns(text))
      local styled = self:style(style_of(column, row[i], row.row), text)
      parts[i] = column.right and space .. styled
        or i == #kept and styled or styled .. space
    end
    out[#out + 1] = (indent .. table.concat(parts, (" "):rep(gap))):gsub(" +$", "")
  end
  if not options.bare and #kept > 0 then
    local titles = {}
    for i, column in ipairs(kept) do titles[i] = column[1] end
    line(titles, function() return "dim" end)
  end
  for _, row in ipairs(cells) do
    line(row, function(column, cell, whole)
      if type(column.style) == "function" then return column.style(cell, whole) end
      return column.style
    end)
  end
  return #out > 0 and table.concat(out, "\n") .. "\n" or ""
end

-- Quantities ---------------------------------------------------------------------

--- Milliseconds that something took: "4 ms", "1.2 s", "3 min 20 s", "2 h 5 min".
function terminal.took(ms)
  if ms == nil then return "" end
  if ms < 1000 then return ("%d ms"):format(math.floor(ms + 0.5)) end
  if ms < 60000 then return ("%.1f s"):format(math.floor(ms / 100) / 10) end
  local units = { { 86400000, "d" }, { 3600000, "h" }, { 60000, "min" }, { 1000, "s" } }
  for i = 1, 3 do
    local size, name = units[i][1], units[i][2]
    if ms >= size then
      local rest = math.floor(ms % size) // units[i + 1][1]
      local text = ("%d %s"):format(ms // size, name)
      return rest > 0 and ("%s %d %s"):format(text, rest, units[i + 1][2]) or text
    end
  end
end

local function rough(ms)
  if ms < 60000 then return ("%d s"):format(ms // 1000) end
  if ms < 3600000 then return ("%d min"):format(ms // 60000) end
  if ms < 2 * 86400000 then return ("%d h"):format(ms // 3600000) end
  return ("%d d"):format(ms // 86400000)
end

--- An instant as seen from `now_ms`: "now", "12 s ago", "in 3 d".
function terminal.relative(ms, now_ms)
  local distance = math.tointeger(now_ms - ms) or math.floor(now_ms - ms)
  if math.abs(distance) < 1000 then return "now" end
  if distance > 0 then return rough(distance) .. " ago" end
  return "in " .. rough(-distance)
end

--- Pico-USD (integer or decimal string) as a person reads money: two decimals,
-- below ten cents two digits that count. "$0", "$1.25", "$0.0062".
function terminal.money(pico)
  pico = math.tointeger(tonumber(pico) or 0) or 0
  if pico == 0 then return "$0" end
  local sign = pico < 0 and "-" or ""
  pico = math.abs(pico)
  local unit = 10000000000                     -- a cent
  while unit > 1 and pico < 10 * unit do unit = unit // 10 end
  if pico >= 100000000000 then unit = 10000000000 end
  local rounded = pico < math.maxinteger - unit and (pico + unit // 2) // unit * unit
    or pico
  return sign .. require("money").format(rounded)
end

return terminal
