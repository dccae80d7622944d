--- What a disk may have kept when the power went.
--
-- A trace (spec/powerloss/record.c) is played call by call. What a sync covered is there
-- for certain; of all later writes any subset is, across files too, in sectors of 512
-- bytes, the last of which may be torn. The same holds for names: a new file is in its
-- folder for certain once the folder was synced, and its own sync is no promise of that.
-- What dice decide comes from one seed.
local disk = {}
disk.__index = disk

local sector = 512

-- ---- reading a trace -------------------------------------------------------------------

--- The calls of a trace, in order: { op, ... } as record.c tells them.
function disk.trace(path)
  local f = assert(io.open(path, "rb"))
  local calls = {}
  for line in f:lines("l") do
    local op, rest = line:sub(1, 1), line:sub(3)
    local call = { op = op }
    if op == "W" then
      local ino, at, n = rest:match("^(%d+) (%d+) (%d+)$")
      call.ino, call.at = ino, math.tointeger(at)
      call.data = f:read(math.tointeger(n))
      assert(f:read(1) == "\n", "the trace is damaged")
    elseif op == "O" then
      local ino, made, name = rest:match("^(%d+) (%d) (.+)$")
      call.ino, call.made, call.path = ino, made == "1", name
    elseif op == "T" then
      local ino, size = rest:match("^(%d+) (%d+)$")
      call.ino, call.size = ino, math.tointeger(size)
    elseif op == "S" then
      call.ino = rest
    elseif op == "R" then
      call.from, call.to = rest:match("^(.-)\t(.*)$")
    elseif op == "A" then
      call.text = rest
    else
      call.path = rest
    end
    calls[#calls + 1] = call
  end
  f:close()
  return calls
end

-- ---- content of files --------------------------------------------------------------------

local content = {}
content.__index = content

local function new_content() return setmetatable({ size = 0 }, content) end

local zeros = ("\0"):rep(sector)

--- Put `data` at `at`; `keeps(i)` says for each sector what of it arrives: true, false or
--- a number of bytes, from its beginning.
function content:write(at, data, keeps)
  local from, i = 1, 0
  while from <= #data do
    local place = at + from - 1
    local index, within = place // sector, place % sector
    local n = math.min(sector - within, #data - from + 1)
    i = i + 1
    local kept = not keeps and n or keeps(i)
    if kept == true then kept = n end
    if kept and kept > 0 then
      kept = math.min(kept, n)
      local old = self[index] or zeros
      self[index] = old:sub(1, within) .. data:sub(from, from + kept - 1) .. old:sub(within + kept + 1)
      self.size = math.max(self.size, place + kept)
    end
    from = from + n
  end
end

function content:resize(size)
  if size < self.size then
    for index = size // sector, self.size // sector do
      local keep = math.max(0, size - index * sector)
      if self[index] then self[index] = keep > 0 and self[index]:sub(1, keep) .. zeros:sub(keep + 1) or nil end
    end
  end
  self.size = size
end

function content:copy()
  local other = new_content()
  for index, bytes in pairs(self) do other[index] = bytes end
  return other
end

function content:text()
  local parts = {}
  for index = 0, (self.size + sector - 1) // sector - 1 do parts[index + 1] = self[index] or zeros end
  return table.concat(parts):sub(1, self.size)
end

-- ---- the disk ------------------------------------------------------------------------------

--- A disk on which nothing below `root` is yet.
function disk.new(root)
  return setmetatable({ root = root, inodes = {}, now = {}, names = { [root] = "folder" }, waiting = {}, acks = {} }, disk)
end

local function folder_of(path) return path:match("^(.*)/[^/]*$") end

--- A change of names that its folder's sync makes certain.
function disk:rename_later(folder, change)
  self.waiting[#self.waiting + 1] = { folder = folder, change = change }
end

local plays = {}

function plays.O(self, call)
  local inode = call.made and { kept = new_content(), later = {} } or self.now[call.path]
  if not inode then return end -- there before the trace began: none of ours
  self.inodes[call.ino] = inode
  if call.made then
    self.now[call.path] = inode
    self:rename_later(folder_of(call.path), function(names) names[call.path] = inode end)
  end
end

function plays.W(self, call)
  local inode = self.inodes[call.ino]
  if inode then table.insert(inode.later, call) end
end
plays.T = plays.W

local function apply(to, call, keeps)
  if call.op == "T" then return to:resize(call.size) end
  to:write(call.at, call.data, keeps)
end

function plays.S(self, call)
  local inode = self.inodes[call.ino]
  if not inode then return end
  for _, one in ipairs(inode.later) do apply(inode.kept, one) end
  inode.later = {}
end

function plays.D(self, call)
  local left = {}
  for _, one in ipairs(self.waiting) do
    if one.folder == call.path then one.change(self.names) else left[#left + 1] = one end
  end
  self.waiting = left
end

function plays.R(self, call)
  local inode = self.now[call.from]
  self.now[call.from], self.now[call.to] = nil, inode
  self:rename_later(folder_of(call.to), function(names) names[call.from], names[call.to] = nil, inode end)
end

function plays.U(self, call)
  self.now[call.path] = nil
  self:rename_later(folder_of(call.path), function(names) names[call.path] = nil end)
end

function plays.M(self, call)
  self:rename_later(folder_of(call.path), function(names) names[call.path] = "folder" end)
end

function plays.A(self, call) table.insert(self.acks, call.text) end

--- One call more.
function disk:play(call) plays[call.op](self, call) end

-- ---- the power goes ----------------------------------------------------------------------------

--- How much of what is not certain arrives: none, all, or something between.
local function share(dice)
  local n = dice(6)
  return n == 1 and 0 or n == 2 and 1 or dice(0, 1000) / 1000
end

local function survivors(inode, dice)
  local text, likely = inode.kept:copy(), share(dice)
  local last
  for i, call in ipairs(inode.later) do
    if dice(0, 999) < likely * 1000 then last = i end
  end
  for i, call in ipairs(inode.later) do
    local there = i == last or (last and i < last and dice(0, 999) < likely * 1000)
    if there and call.op == "T" then apply(text, call) end
    if there and call.op == "W" then
      local how = dice(4) -- whole, some sectors, or a beginning with a torn sector
      local sectors = (call.at % sector + #call.data + sector - 1) // sector
      local stop = dice(sectors)
      apply(text, call, function(k)
        if i ~= last and how > 1 or how == 4 then return true end
        if how == 1 then return dice(2) == 1 end
        if k == stop then return dice(0, sector) end
        return k < stop
      end)
    end
  end
  return text
end

--- A picture of the disk after the power went now: path -> text or "folder" (a table
--- { folder = true }), only what hangs together from the root.
function disk:lose(dice)
  local names = {}
  for path, what in pairs(self.names) do names[path] = what end
  local likely = share(dice)
  for _, one in ipairs(self.waiting) do
    if dice(0, 999) < likely * 1000 then one.change(names) end
  end
  local picture = {}
  local function whole(path)
    while path ~= self.root do
      path = folder_of(path)
      if not path or names[path] ~= "folder" then return false end
    end
    return true
  end
  local paths = {}
  for path in pairs(names) do paths[#paths + 1] = path end
  table.sort(paths) -- dice fall in the same order each time
  for _, path in ipairs(paths) do
    local what = names[path]
    if whole(path) and path ~= self.root then
      picture[path] = what == "folder" and { folder = true } or survivors(what, dice):text()
    end
  end
  return picture
end

return disk
