--- The mailboxes that config.lua watches: when each is looked at, and what is said when it cannot be.
---
--- One that fails is left alone for longer and longer; one that refuses the password for an hour, so that nobody is
--- locked out. All are looked at anew when config.lua is saved, or the engine is started.
local loop = require "loop"
local mailbox = require "serve.mailbox"
local errors = require "errors"

local mailboxes = {}
mailboxes.__index = mailboxes

local longest_ms, refused_ms = 15 * 60000, 60 * 60000

--- How long after `failures` in a row, the last of which is err.
local function pause_ms(self, failures, err)
  if failures == 0 then return self.every_ms end
  local ms = self.every_ms * 2 ^ math.min(failures - 1, 20)
  ms = math.min(ms, math.max(longest_ms, self.every_ms))
  ms = ms * (0.9 + (self.engine.chance() & 0xffff) / 0xffff / 5) -- not all at once when a server is back
  return math.floor(err.code == "auth" and math.max(ms, refused_ms) or ms)
end

--- Tell the owner, once for a row of failures. A password does not mend itself.
local function raise(self, failures, since, err)
  if err.code ~= "auth" and failures < self.engine.settings.alert.failures then return end
  self.engine:raise("mailbox", { mailbox = self.name, message = ("%s cannot be looked at: %s"):format(self.name, err.message) },
    self.id .. "/" .. since)
end

local function failed(self, err)
  local failures, since = self.engine:mailbox_failed(self.id, err)
  if not failures then return 1 end
  raise(self, failures, since, err)
  self.say(errors.new(err.code == "auth" and "K8104" or "K8103", { name = self.name, detail = err.message }))
  return failures
end

local function well(self)
  local row = self.engine:mailbox(self.id)
  if not row or row.failures == 0 then return end
  self.engine:mailbox_failed(self.id, nil)
  self.note(self.name .. " can be looked at again")
end

--- Look at one, and say what came of it. Returns the time until the next look; nil when its watch was closed.
function mailboxes.look(self)
  local new, err, some = mailbox.look(self)
  self.tried = true
  if self.closed then return nil end
  local failures = 0
  if new or some > 0 then well(self) end -- what goes on is no row of failures
  if not new then failures = failed(self, err) end
  if new and new > 0 then self.note(("%s: %d new mail%s"):format(self.name, new, new == 1 and "" or "s")) end
  return pause_ms(self, failures, err)
end

local function schedule(self, ms)
  self.timer = loop.timer(ms, function()
    self.timer = nil
    loop.spawn(function()
      local pause = mailboxes.look(self)
      if pause and not self.closed then schedule(self, pause) end
    end, function(_, trace)
      if self.closed then return end
      self.engine:complain(trace)
      schedule(self, longest_ms)
    end)
  end)
end

--- What lua/serve/mailbox.lua looks at, of an entry of `watch` in config.lua.
function mailboxes.watched(e, entry, say, note)
  local adapter = e.settings.adapters[entry.adapter]
  local _, module = pcall(require, "adapter." .. adapter.use) -- settings.lua knows that it is there
  return { engine = e, id = entry.id, name = entry.name, adapter = module.open(e, entry.adapter, adapter),
    folder = entry.folder, event = entry.event, every_ms = entry.every_ms, since = entry.since, since_ms = entry.since_ms,
    seen = entry.seen, say = say, note = note }
end

--- Watch the mailboxes of an engine's settings. say(err) tells a problem, note(text) what happened.
function mailboxes.open(e, say, note)
  local self = setmetatable({ list = {} }, mailboxes)
  for i, entry in ipairs(e.settings.watch) do
    self.list[i] = mailboxes.watched(e, entry, say, note)
    schedule(self.list[i], 0)
  end
  return self
end

--- Whether every mailbox had its first look, or an attempt at it: what comes later is new.
function mailboxes:begun()
  for _, one in ipairs(self.list) do
    local row = not (one.tried or one.begun) and one.engine:mailbox(one.id)
    if row ~= false and not (row and row.validity) then return false end
  end
  return true
end

function mailboxes:close()
  for _, one in ipairs(self.list) do
    one.closed = true
    if one.timer then one.timer:stop() end
    if one.box then one.box:close() end
  end
end

return mailboxes
