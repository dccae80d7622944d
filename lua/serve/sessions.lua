--- Sessions of browsers: who showed the token once, and comes again with a cookie.
--
-- A cookie says its session's id and when it was given, and is signed with the token: an
-- engine that its supervisor started again knows its owner still. What was given up is on a
-- list beside the token, for a signature does not wear off. New tokens end all sessions.
local clock = require "core.clock"
local core = require "core.http"
local digest = require "core.digest"
local file = require "file"

local sessions = {}
sessions.__index = sessions

local idle_ms, renew_ms, most = 12 * 3600 * 1000, 15 * 60 * 1000, 25

--- So many wrong tokens within so long, of all clients together, and the door stays shut.
local most_failures, window_ms = 5, 60000

local private = tonumber("600", 8)

--- Options: token, path (where what was given up is listed), now (function -> ms).
function sessions.open(options)
  local self = setmetatable({ token = options.token, path = options.path, now = options.now or clock.now_ms,
    open = {}, gone = {}, failures = {} }, sessions)
  for id, at in (file.read(options.path) or ""):gmatch "(%x+) (%d+)" do self.gone[id] = math.tointeger(tonumber(at)) end
  return self
end

local function sign(self, what) return digest.hmac(self.token, "keel " .. what) end

local function cookie_of(self, session)
  local text = ("%s%012x"):format(session.id, self.now())
  session.given = self.now()
  return text .. sign(self, "session " .. text)
end

--- Give a session up for ever.
function sessions:close(session)
  self.open[session.id] = nil
  self.gone[session.id] = self.now()
  local lines = {}
  for id, at in pairs(self.gone) do
    if at + idle_ms < self.now() then self.gone[id] = nil else lines[#lines + 1] = ("%s %d\n"):format(id, at) end
  end
  file.write(self.path, table.concat(lines), private)
end

local function admit(self, id, seen)
  local count, oldest = 0, nil
  for _, other in pairs(self.open) do
    count = count + 1
    if not oldest or other.seen < oldest.seen then oldest = other end
  end
  if count >= most then self:close(oldest) end
  local session = { id = id, seen = seen, csrf = sign(self, "csrf " .. id) }
  self.open[id] = session
  return session
end

--- Seconds until a token is looked at again, or nil.
function sessions:locked()
  local now = self.now()
  while self.failures[1] and self.failures[1] + window_ms <= now do table.remove(self.failures, 1) end
  if #self.failures < most_failures then return nil end
  return (self.failures[1] + window_ms - now + 999) // 1000
end

--- The session of who shows the token, and its cookie; or nil, and seconds to wait when too
--- many were wrong. The right one is refused then, too: else it could be told from the others.
function sessions:login(token)
  local wait = self:locked()
  if wait then return nil, wait end
  if not core.same(token, self.token) then
    table.insert(self.failures, self.now())
    return nil
  end
  local session = admit(self, ("%016x%016x"):format(clock.random(), clock.random()), self.now())
  return session, cookie_of(self, session)
end

--- The session of a Cookie header, or nil; and a cookie in place of one that grew old.
function sessions:find(header)
  local value = ("; " .. (header or "")):match "[;,] *keel=(%x+)"
  if not value or #value ~= 108 then return nil end
  local id, given = value:sub(1, 32), math.tointeger(tonumber(value:sub(33, 44), 16))
  if not core.same(value:sub(45), sign(self, "session " .. value:sub(1, 44))) or self.gone[id] then return nil end
  local now = self.now()
  local session = self.open[id]
  if (session and session.seen or given) + idle_ms < now then
    if session then self:close(session) end
    return nil
  end
  session = session or admit(self, id, now)
  session.seen = now
  return session, given + renew_ms < now and cookie_of(self, session) or nil
end

--- The Set-Cookie header of a cookie; of none, to have it forgotten.
function sessions.header(cookie)
  return ("keel=%s; HttpOnly; SameSite=Strict; Path=/%s"):format(cookie or "", cookie and "" or "; Max-Age=0")
end

return sessions
