--- The folders of a home, watched: new files in the inbox become events, saved agents
--- and skills become the ones that new runs use.
local clock = require "core.clock"
local core = require "core.watch"
local errors = require "errors"
local file = require "file"
local inbox = require "inbox"
local library = require "library"
local loop = require "loop"

local folders = {}
folders.__index = folders

--- A file is looked at when it lay still for so long: who saves safely writes beside
--- and renames, and the name beside is none of ours. Editors save in several moves.
local still_ms, reload_after_ms = 40, 40

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

-- ---- agents and skills -------------------------------------------------------------

--- What a broken save keeps: the version that worked.
local function keep_good(new, old, problems)
  for _, kind in ipairs { "agents", "skills" } do
    for name, one in pairs(old[kind]) do
      local broken = new.broken[kind:sub(1, -2) .. "/" .. name]
      if broken and not new[kind][name] then new[kind][name] = one end
    end
  end
  return problems
end

--- What is new in a library: "agents/x.lua" in order.
local function changes(new, old)
  local list = {}
  for _, kind in ipairs { "agents", "skills" } do
    for name, one in pairs(new[kind]) do
      if not old[kind][name] or old[kind][name].hash ~= one.hash then list[#list + 1] = one.file end
    end
    for name, one in pairs(old[kind]) do
      if not new[kind][name] then list[#list + 1] = one.file .. " (gone)" end
    end
  end
  table.sort(list)
  return list
end

--- Where a command stands, as people read it: "step two (agents/a.lua:4)".
local function place(side)
  if not side then return "nothing" end
  return ("%s%s"):format(side.name or "another end", side.file and (" (%s%s)"):format(side.file,
    side.line and ":" .. side.line or "") or "")
end

--- How the runs in flight would fare on what was saved.
local function tell_of_runs(self)
  local stay, move = 0, 0
  for _, told in ipairs(self.engine:gate_all()) do
    if told.compatible then move = move + 1 else stay = stay + 1 end
    if not told.compatible and stay <= 3 then
      self.note(("run %s of %s stays as it began: at step %s it had %s, now %s"):format(told.run, told.agent,
        tostring(told.at), place(told.recorded), place(told.new)))
    end
  end
  if stay + move == 0 then return end
  self.note(("%d of the runs in flight on earlier code could go on with the present one (keel runs move), %d would take another way")
    :format(move, stay))
end

--- Many files, or nasty ones, take their time: others have their turn in between.
local function load_all(self)
  local e, saved = self.engine, self.saved
  self.saved = {}
  local old, new = e.library, library.load(e.home, e.settings.adapters, function() loop.sleep(0) end)
  if self.closed then return end
  keep_good(new, old)
  e.library = new
  for _, name in ipairs(changes(new, old)) do self.note("loaded " .. name) end
  local known = {}
  for _, err in ipairs(old.problems) do known[tostring(err)] = true end
  for _, err in ipairs(new.problems) do
    if not known[tostring(err)] or saved[err.file] then self.say(err) end
  end
  e:admit() -- other triggers, other limits
  e:task(function()
    local ok, err = e:sync_schedules()
    if not ok and not e.failed then self.say(err) end
  end)
  e:task(function() tell_of_runs(self) end)
end

--- One at a time; what is saved meanwhile is loaded after.
local function reload(self)
  if self.loading then
    self.again = true
    return
  end
  self.loading = true
  self.engine:task(function()
    local ok, trace = xpcall(load_all, debug.traceback, self)
    self.loading = false
    if not ok then self.engine:complain(trace) end
    if self.again and not self.closed then
      self.again = false
      self:reload()
    end
  end)
end

--- Load agents and skills again soon.
function folders:reload()
  schedule(self, "reload_timer", reload_after_ms, reload)
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

local function want_sources(self, folder)
  table.insert(self.wanted, { path = file.join(self.home, folder),
    look = function() if self.armed then self:reload() end end,
    changed = function(name)
      if not name:find("^[%w_]+%.lua$") then return end
      self.saved[folder .. "/" .. name] = true
      self:reload()
    end })
end

--- Watch the folders of an engine. `say(err)` tells a problem, `note(text)` what went
--- well. Returns the watch, or nil, err.
function folders.open(e, say, note)
  local self = setmetatable({ engine = e, home = e.home, say = say, note = note, wanted = {}, by_number = {},
    above = {}, saved = {}, fresh = {} }, folders)
  local message, code
  self.watch, message, code = core.open(function(...) told(self, ...) end)
  if not self.watch then return nil, errors.from(message, code) end
  for _, folder in pairs(e.settings.inbox) do want_inbox(self, folder) end
  want_sources(self, "agents")
  want_sources(self, "skills")
  arm(self)
  self.armed = true
  return self
end

function folders:close()
  self.closed = true
  if self.scan_timer then self.scan_timer:stop() end
  if self.reload_timer then self.reload_timer:stop() end
  self.watch:close()
end

return folders
