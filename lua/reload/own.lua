--- While Keel itself is developed (KEEL_LUA names the folder of its Lua half): a save there
--- starts the engine anew, when every file that changed can be compiled.
local clock = require "core.clock"
local core = require "core.watch"
local errors = require "errors"
local file = require "file"
local loop = require "loop"

local own = {}
own.__index = own

local still_ms = 60

local function watch_below(self, path)
  local number = self.watch:folder(path)
  if not number then return end
  self.paths[number] = path
  for _, name in ipairs(file.list(path) or {}) do
    local below = file.join(path, name)
    if file.kind(below) == "folder" then watch_below(self, below) end
  end
end

--- The first of the changed files that is no Lua, as an error; nil when all are.
local function first_wrong(self)
  for path in pairs(self.fresh) do
    local text = file.read(path)
    local fn, why = load(text or "", "@" .. path, "t")
    if text and not fn then
      local line, detail = why:match ":(%d+): (.*)$"
      return errors.new("K3001", { detail = detail or why, file = path, line = math.tointeger(tonumber(line)), source = text })
    end
  end
end

local function look(self)
  local err = first_wrong(self)
  if err then return self.options.say(err) end
  self.fresh = {}
  self.options.restart()
end

--- Watch `folder`. options: say(err), restart(). Returns the watch, or nil, err.
function own.open(folder, options)
  require "view" -- what tells of an error must not be the file that is broken
  local self = setmetatable({ options = options, paths = {}, fresh = {} }, own)
  local message, code
  self.watch, message, code = core.open(function(number, what, name)
    local path = self.paths[number] and name and file.join(self.paths[number], name)
    if not path or what == "gone" then return end
    if what == "made" then return watch_below(self, path) end
    if not name:find "%.lua$" or name:find "^%." then return end
    self.fresh[path] = clock.mono_us()
    if self.alarm then self.alarm:stop() end
    self.alarm = loop.timer(still_ms, function()
      self.alarm = nil
      look(self)
    end)
  end)
  if not self.watch then return nil, errors.from(message, code) end
  watch_below(self, folder)
  return self
end

function own:close()
  if self.alarm then self.alarm:stop() end
  self.watch:close()
end

return own
