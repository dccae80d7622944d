--- The folders of the inbox, watched: new files become events.
local clock = require "core.clock"
local core = require "core.watch"
local errors = require "errors"
local file = require "file"
local inbox = require "inbox"
local loop = require "loop"

local folders = {}
folders.__index = folders

--- A file is looked at when it lay still for so long: who saves safely writes beside
--- and renames, and the name beside is none of ours. Editors save in several moves.
local still_ms = 40

-- ---- the inbox ---------------------------------------------------------------------

--- What lay still long enough: a set of paths, or nil.
local function take_still(self)
  local before, still = clock.mono_us() - still_ms * 1000, nil
  for path, since in pairs(self.fresh) do
    if since <= before then
      still = still or {}
      still[path] = true
      self.fresh[path] = nil
    end
  end
  return still
end

--- Look at the files that lay still. One look at a time.
local function scan(self)
  if self.scanning then return end
  self.scanning = true
  loop.spawn(function()
    while not self.closed do
      local only = take_still(self)
      if not only then break end
      local _, problems = inbox.scan(self.engine, only)
      for _, problem in ipairs(problems) do self.say(problem.err) end
    end
    self.scanning = false
    if next(self.fresh) then self:scan_soon() end
  end, function(_, trace)
    self.scanning = false
    self.engine:complain(trace)
  end)
end

local function schedule(self, field, ms, fn)
  if self[field] or self.closed then return end
  self[field] = loop.timer(ms, function()
    self[field] = nil
    if not self.closed then fn(self) end
  end)
end

function folders:scan_soon()
  schedule(self, "scan_timer", still_ms + 1, scan)
end

--- Look at a file when it lies still.
function folders:scan(path)
  self.fresh[path] = clock.mono_us()
  self:scan_soon()
end

--- Look at all files that are in a folder by now. What comes later is told, and not
--- before it is whole.
function folders:scan_all(folder)
  for _, name in ipairs(file.list(folder) or {}) do self.fresh[file.join(folder, name)] = 0 end
  self:scan_soon()
end

-- ---- watching ----------------------------------------------------------------------

--- The nearest folder above `path`, within the home, that exists.
local function ancestor(home, path)
  repeat path = path:match("^(.*)/[^/]+$") or home until path == home or #path < #home or file.kind(path) == "folder"
  return #path < #home and home or path
end

local function watch_one(self, wanted)
  local number = self.watch:folder(wanted.path)
  while not number do
    -- when it is made we hear of it from the folder above; unless that happened, or the
    -- folder above went, before we listened
    local from = ancestor(self.home, wanted.path)
    local above = self.watch:folder(from)
    if above then self.above[above] = true end
    wanted.number = nil
    number = self.watch:folder(wanted.path)
    if not number and (above or from == self.home) and ancestor(self.home, wanted.path) == from then return end
  end
  self.by_number[number] = self.by_number[number] or {}
  self.by_number[number][wanted] = true
  if wanted.number == number then return end
  wanted.number = number
  wanted.look()		-- what came before the watch
end

local function arm(self)
  for _, wanted in ipairs(self.wanted) do watch_one(self, wanted) end
end

local function told(self, number, what, name)
  if what == "missed" then
    arm(self)
    for _, wanted in ipairs(self.wanted) do wanted.look() end
    return
  end
  local here = self.by_number[number]
  if what == "lost" then
    for wanted in pairs(here or {}) do wanted.number = nil end
    self.by_number[number], self.above[number] = nil, nil
    return arm(self)
  end
  if what == "made" and self.above[number] then arm(self) end
  if not here or not name or name:sub(1, 1) == "." then return end
  for wanted in pairs(here) do wanted.changed(name, what) end
end

local function want_inbox(self, folder)
  local path = file.join(self.home, folder)
  file.mkdir(path)
  table.insert(self.wanted, { path = path, look = function() self:scan_all(path) end, changed = function(name, what)
    local whole = file.join(path, name)
    if what == "changed" then self:scan(whole) else self.fresh[whole] = nil end
  end })
end

--- Watch the folders of an engine's inbox. `say(err)` tells a problem. Returns the watch, or
--- nil, err.
function folders.open(e, say)
  local self = setmetatable({ engine = e, home = e.home, say = say, wanted = {}, by_number = {},
    above = {}, fresh = {} }, folders)
  local message, code
  self.watch, message, code = core.open(function(...) told(self, ...) end)
  if not self.watch then return nil, errors.from(message, code) end
  for _, folder in pairs(e.settings.inbox) do want_inbox(self, folder) end
  arm(self)
  return self
end

function folders:close()
  self.closed = true
  if self.scan_timer then self.scan_timer:stop() end
  self.watch:close()
end

return folders
