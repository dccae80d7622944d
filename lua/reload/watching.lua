--- The folders of a home that hold sources, under watch: which file was written, is being
--- written, or is gone.
--
-- agents/, skills/ and config.lua, themselves or behind symbolic links; the folder of what
-- a link leads to is watched, too, for an edit there tells nothing here.
local file = require "file"

local watching = {}
watching.__index = watching

local folders = { "agents", "skills" }

--- Longest chain of links that is followed.
local most_links = 8

local function split(path) return path:match "^(.*)/([^/]+)$" end

local function is_source(name) return name:find "^[%w_]+%.lua$" ~= nil end

--- told: { changed = fn(name), writing = fn(name) }, with "agents/x.lua".
function watching.new(home, watch, told)
  return setmetatable({ home = home, watch = watch, out = told, by_number = {}, number_of = {}, targets = {}, seen = {} }, watching)
end

-- ---- links --------------------------------------------------------------------------------

--- Watch where a name leads, link by link: an edit there is an edit of the name.
local function follow(self, name)
  local path = file.join(self.home, name)
  for _ = 1, most_links do
    local to = file.link(path)
    if not to then return end
    path = to:sub(1, 1) == "/" and to or file.join(path:match "^(.*)/", to)
    local folder, last = split(path)
    if not folder then return end
    local number = self.watch:folder(folder == "" and "/" or folder, true)
    if not number then return end
    local names = self.targets[number] or {}
    self.targets[number] = names
    names[last] = names[last] or {}
    names[last][name] = true
  end
end

-- ---- folders ------------------------------------------------------------------------------

local function sources_in(self, folder)
  local list = {}
  for _, name in ipairs(file.list(file.join(self.home, folder)) or {}) do
    if is_source(name) then list[#list + 1] = folder .. "/" .. name end
  end
  return list
end

--- All of a folder may be another: what is there, and what was.
local function look_at(self, folder)
  local here = {}
  for _, name in ipairs(sources_in(self, folder)) do
    here[name] = true
    follow(self, name)
    self.out.changed(name)
  end
  for name in pairs(self.seen) do
    if name:sub(1, #folder + 1) == folder .. "/" and not here[name] then self.out.changed(name) end
  end
  for name in pairs(here) do self.seen[name] = self.seen[name] or "" end
end

local function arm_folder(self, folder)
  local number = self.watch:folder(file.join(self.home, folder), true)
  local before = self.number_of[folder]
  if before and before ~= number then self.by_number[before] = nil end
  self.number_of[folder] = number
  if number then self.by_number[number] = folder end
  follow(self, folder)
  look_at(self, folder)
end

--- Watch everything, and look at it.
function watching:arm()
  self.top = self.watch:folder(self.home, true)
  for _, folder in ipairs(folders) do arm_folder(self, folder) end
  follow(self, "config.lua")
  self.out.changed "config.lua"
end

-- ---- news ---------------------------------------------------------------------------------

local function of_name(self, name, what)
  if what == "writing" then return self.out.writing(name) end
  if what == "linked" then
    -- a new file comes whole by its close; a link is whole at once
    local path = file.join(self.home, name)
    if not file.link(path) and (file.links(path) or 1) < 2 then return self.out.writing(name) end
  end
  self.seen[name] = self.seen[name] or ""
  follow(self, name)
  self.out.changed(name)
end

--- What a link that is followed leads to changed; a folder may hang on it.
local function of_target(self, name, what)
  if name == "agents" or name == "skills" then
    if what ~= "writing" then arm_folder(self, name) end
  else
    of_name(self, name, what == "linked" and "changed" or what)
  end
end

--- News of the kernel, as core.watch tells them.
function watching:told(number, what, name)
  if what == "missed" then return self:look(true) end
  local folder = self.by_number[number]
  if what == "lost" then
    self.by_number[number], self.targets[number] = nil, nil
    if folder then self.number_of[folder] = nil end
    if folder then arm_folder(self, folder) end
    return
  end
  if not name then return end
  if folder and is_source(name) then of_name(self, folder .. "/" .. name, what) end
  if number == self.top then
    if name == "config.lua" then of_name(self, name, what) end
    if (name == "agents" or name == "skills") and what ~= "writing" then arm_folder(self, name) end
  end
  for other in pairs((self.targets[number] or {})[name] or {}) do of_target(self, other, what) end
end

-- ---- looking ------------------------------------------------------------------------------

--- Size and time of a file, as far as they tell of a change; "" when it is not there.
local function signature(self, name)
  local bytes, changed = file.stat(file.join(self.home, name))
  return bytes and ("%d:%d"):format(bytes, changed) or ""
end

--- Look at everything, for where no news come. What is another since the last look and was
--- the same at two looks is told as changed; `anyway` tells all of it.
function watching:look(anyway)
  local names = { ["config.lua"] = true }
  for name in pairs(self.seen) do names[name] = true end
  for _, folder in ipairs(folders) do
    for _, name in ipairs(sources_in(self, folder)) do names[name] = true end
  end
  self.looks = self.looks or {}
  for name in pairs(names) do
    local now, before = signature(self, name), self.looks[name] or {}
    if anyway or before.told ~= nil and now ~= before.told and now == before.last then
      self.seen[name] = ""
      self.out.changed(name)
      before.told = now
    end
    self.looks[name] = { last = now, told = before.told or now }
  end
end

return watching
