--- A connection to a mail server: opened, made TLS and logged in by libcurl, then read by lines.
---
---   local conn, err = stream.open { url = "imaps://mail.example", user = "mira", password = "...", quiet_ms = 30000 }
---   conn:write "a NOOP\r\n"
---   local line, err = conn:line(4096)      -- without its CRLF
---   local bytes, err = conn:take(1000)
---   conn:close()
---
--- In a task the others go on meanwhile. err = { code, message, retry }: what an adapter says. Once a call
--- failed, all later ones fail alike. `quiet_ms` is how long the server may be silent (30s), `total_ms` how
--- long all may take (ten times that); also `ca_file`, `starttls` (the plain schemes become TLS, or fail).
local clock = require "core.clock"
local core = require "core.stream"
local loop = require "loop"

local stream = {}
local conn = {}
conn.__index = conn

local unread_most = 48 << 20

local function mono_ms() return clock.mono_us() // 1000 end

-- ---- what is there --------------------------------------------------------------------------

local function fail(self, code, message)
  self.failed = self.failed or { code = code, message = message, retry = code ~= "too_large" and code ~= "protocol" }
  return nil, self.failed
end

local function waiting(self) return #self.text - self.at + 1 + self.fresh end

--- Join what came to what was there.
local function gather(self)
  if self.fresh == 0 then return end
  self.text = self.text:sub(self.at) .. table.concat(self.pieces)
  self.at, self.pieces, self.fresh = 1, {}, 0
end

local on = {}

function on.open(self, said) self.said, self.stands = said, true end

function on.data(self, bytes)
  self.pieces[#self.pieces + 1] = bytes
  self.fresh = self.fresh + #bytes
  if waiting(self) > unread_most then
    fail(self, "too_large", "the server says more than was asked")
    self:close()
  end
end

on["end"] = function(self, said, outcome, message, status)
  self.ended = { outcome = outcome, message = message, status = status, said = said }
end

--- Wait until something happens; nil, err when nothing will.
local function wait(self)
  if self.failed then return nil, self.failed end
  if self.ended then return fail(self, "connection_lost", self.ended.message) end
  local left, timer = math.min(self.quiet_ms, self.deadline - mono_ms()), nil
  if left <= 0 then return fail(self, "timeout", "the server takes too long") end
  local why = loop.await(function(wake)
    self.wake = wake
    timer = loop.timer(left, function() wake "quiet" end)
  end)
  timer:stop()
  self.wake = nil
  if why == "quiet" then return fail(self, "timeout", ("the server said nothing for %d ms"):format(left)) end
  return true
end

-- ---- faces -----------------------------------------------------------------------------------

--- The next line, of at most `most` bytes.
function conn:line(most)
  while true do
    local stop = self.text:find("\n", self.at, true)
    if stop then
      local line = self.text:sub(self.at, stop - 1):gsub("\r$", "")
      self.at = stop + 1
      return line
    end
    if #self.text - self.at >= most then return fail(self, "protocol", ("the server sent a line of more than %d bytes"):format(most)) end
    if self.fresh == 0 then
      local ok, err = wait(self)
      if not ok and self.fresh == 0 then return nil, err end
    end
    gather(self)
  end
end

--- The next n bytes.
function conn:take(n)
  while waiting(self) < n do
    local before = self.fresh
    local ok, err = wait(self)
    if not ok and self.fresh == before then return nil, err end
  end
  gather(self)
  local bytes = self.text:sub(self.at, self.at + n - 1)
  self.at = self.at + n
  return bytes
end

function conn:write(bytes)
  if self.failed then return nil, self.failed end
  local ok, message = self.raw:write(bytes)
  if not ok then return fail(self, "connection_lost", message) end
  return true
end

--- Bytes that were written and that surely nobody has seen.
function conn:unsent() return self.closed and 0 or self.raw:unsent() end

function conn:close()
  self.closed = true
  self.raw:close()
  self.failed = self.failed or { code = "connection_lost", message = "the connection was closed", retry = true }
  if self.wake then self.wake() end -- a task that waits for the server hears of it
end

-- ---- opening ---------------------------------------------------------------------------------

local codes = { bad_url = "invalid_request", connect = "unreachable", tls = "tls", timeout = "timeout", auth = "auth", refused = "refused" }
local again = { connect = true, timeout = true, closed = true, lost = true }

--- What it means that no connection came to be. A server may refuse for a while only: SMTP says so by
--- 4xx, IMAP by a word.
local function not_opened(over)
  local for_now = over.status // 100 == 4 or over.said:find("[UNAVAILABLE]", 1, true) or over.said:find("[INUSE]", 1, true)
  if (over.outcome == "auth" or over.outcome == "refused") and for_now then
    return { code = "overloaded", message = over.message, retry = true }
  end
  return { code = codes[over.outcome] or "connection_lost", message = over.message, retry = again[over.outcome] or false }
end

--- See the top of the file.
function stream.open(options)
  local quiet_ms = options.quiet_ms or 30000
  local total_ms = options.total_ms or quiet_ms * 10
  local self = setmetatable({ text = "", at = 1, pieces = {}, fresh = 0, quiet_ms = quiet_ms + 1000, deadline = mono_ms() + total_ms }, conn)
  local raw, message, code = core.start({ url = options.url, user = options.user, password = options.password,
    ca_file = options.ca_file, starttls = options.starttls, connect_ms = quiet_ms }, function(kind, ...)
    on[kind](self, ...)
    if self.wake then self.wake() end
  end)
  if not raw then return nil, { code = code == "input" and "invalid_request" or "local", message = message, retry = false } end
  self.raw = raw
  while not self.stands and not self.ended do
    local ok, err = wait(self)
    if not ok then
      raw:close()
      return nil, err
    end
  end
  self.quiet_ms = quiet_ms
  if self.stands then return self end
  raw:close()
  return nil, not_opened(self.ended)
end

return stream
