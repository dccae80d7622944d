--- What a terminal shows after some output: enough of a VT100 for programs that edit a
--- line. Characters that take two columns do.
local terminal = require "terminal"

local screen = {}
screen.__index = screen

function screen.new(rows, columns)
  local self = setmetatable({ rows = rows, columns = columns, row = 1, column = 1, cells = {}, rest = "", title = "" }, screen)
  for i = 1, rows do self.cells[i] = {} end
  return self
end

local function line_feed(self)
  if self.row < self.rows then
    self.row = self.row + 1
  else
    table.remove(self.cells, 1)
    self.cells[self.rows] = {}
  end
end

local function put(self, text)
  local width = terminal.columns(text)
  if width == 0 then
    local cell = self.cells[self.row]
    local at = math.max(1, self.column - 1)
    cell[at] = (cell[at] or " ") .. text
    return
  end
  if self.column + width - 1 > self.columns then
    self.column = 1
    line_feed(self)
  end
  self.cells[self.row][self.column] = text
  if width == 2 then self.cells[self.row][self.column + 1] = "" end
  self.column = self.column + width
end

local function erase(self, row, from, to)
  for i = from, to do self.cells[row][i] = nil end
end

local controls = {
  ["\r"] = function(self) self.column = 1 end, ["\n"] = line_feed,
  ["\b"] = function(self) self.column = math.max(1, self.column - 1) end, ["\a"] = function(self) self.bells = (self.bells or 0) + 1 end,
  ["\t"] = function(self) self.column = math.min(self.columns, (self.column - 1) // 8 * 8 + 9) end,
}

local sequences = {
  A = function(self, n) self.row = math.max(1, self.row - n) end,
  B = function(self, n) self.row = math.min(self.rows, self.row + n) end,
  C = function(self, n) self.column = math.min(self.columns, self.column + n) end,
  D = function(self, n) self.column = math.max(1, self.column - n) end,
  G = function(self, n) self.column = n end,
  H = function(self, n, m) self.row, self.column = math.min(n, self.rows), math.min(m, self.columns) end,
  K = function(self, _, _, mode)
    if mode == 1 then return erase(self, self.row, 1, self.column) end
    erase(self, self.row, mode == 2 and 1 or self.column, self.columns)
  end,
  J = function(self, _, _, mode)
    if mode == 0 then
      erase(self, self.row, self.column, self.columns)
      for i = self.row + 1, self.rows do self.cells[i] = {} end
    else
      for i = 1, self.rows do self.cells[i] = {} end
    end
  end,
  P = function(self, n)
    local cells = self.cells[self.row]
    for i = self.column, self.columns do cells[i] = cells[i + n] end
  end,
  ["@"] = function(self, n)
    local cells = self.cells[self.row]
    for i = self.columns, self.column + n, -1 do cells[i] = cells[i - n] end
    erase(self, self.row, self.column, self.column + n - 1)
  end,
}

--- One control sequence at `at`; where it ends, or nil when it is not whole yet.
local function sequence(self, text, at)
  local kind = text:sub(at + 1, at + 1)
  if kind == "" then return nil end
  if kind ~= "[" then return at + (kind:find "[()]" and 3 or 2) end
  local parameters, final, stop = text:match("^%[([%d;?]*)([@-~])()", at + 1)
  if not final then return #text - at > 40 and at + 1 or nil end
  local n, m = parameters:match "^(%d*);?(%d*)"
  local act = not parameters:find "?" and sequences[final]
  if act then act(self, math.max(1, tonumber(n) or 1), math.max(1, tonumber(m) or 1), tonumber(n) or 0) end
  return stop
end

--- Take output.
function screen:feed(text)
  text = self.rest .. text
  local at = 1
  while at <= #text do
    local c = text:sub(at, at)
    if c == "\27" then
      local stop = sequence(self, text, at)
      if not stop then break end
      at = stop
    elseif controls[c] then
      controls[c](self)
      at = at + 1
    else
      local stop = utf8.len(text, at, at) and utf8.offset(text, 2, at)
      if not stop then
        if #text - at < 3 then break end
        stop = at + 1
      end
      put(self, text:sub(at, stop - 1))
      at = stop
    end
  end
  self.rest = text:sub(at)
end

function screen:line(row)
  local cells, out = self.cells[row], {}
  for i = 1, self.columns do out[i] = cells[i] or " " end
  return (table.concat(out):gsub(" +$", ""))
end

--- All that is seen, line by line, without empty lines at the end.
function screen:text()
  local lines = {}
  for i = 1, self.rows do lines[i] = self:line(i) end
  return (table.concat(lines, "\n"):gsub("\n+$", ""))
end

return screen
