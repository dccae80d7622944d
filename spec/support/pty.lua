--- A program under a pseudo-terminal, and what is seen there.
--
--   local p = pty.spawn({ program, "repl" }, { rows = 24, columns = 80 })
--   p:send "1+1\r"
--   p:sees "^2$"         -- waits for a line like that, 20 s at most
--   p:finish()           -- its exit code
local program = require "spec.support.program"
local screen = require "spec.support.screen"

local folder = program:match "^(.*)/[^/]*$"
package.cpath = folder .. "/spec/?.so;" .. package.cpath
local core = require "pty"

local pty = {}
pty.__index = pty

local most_looks = 400 -- of 50 ms each

function pty.spawn(words, options)
  options = options or {}
  local rows, columns = options.rows or 24, options.columns or 80
  local env = { "TERM=" .. (options.term or "xterm"), "HOME=/nonexistent", "LC_ALL=C.UTF-8", "PAGER=", "KEEL_PAGER=" }
  for _, one in ipairs(options.env or {}) do env[#env + 1] = one end
  local fd, pid = core.spawn({ "timeout", "--foreground", "-s", "KILL", "60", table.unpack(words) }, rows, columns, env)
  return setmetatable({ fd = fd, pid = pid, screen = screen.new(rows, columns), said = "" }, pty)
end

function pty:send(keys) core.write(self.fd, keys) end

local function look(self, ms)
  local text = core.read(self.fd, ms)
  if not text then
    self.over = true
    return false
  end
  self.said = self.said .. text
  self.screen:feed(text)
  return true
end

--- Wait until `fn(text on the screen)` is true; fails with what is seen.
function pty:until_(fn, what)
  for _ = 1, most_looks do
    local found = fn(self.screen:text())
    if found then return found end
    if not look(self, 50) then break end
  end
  local found = fn(self.screen:text())
  return found or error(("%s is not seen, but:\n%s"):format(what or "it", self.screen:text()), 2)
end

--- Wait for a line that matches a pattern.
function pty:sees(pattern)
  return self:until_(function(text)
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
      if line:find(pattern) then return line end
    end
  end, pattern)
end

--- Wait for the last line to match a pattern.
function pty:ends_with(pattern)
  return self:until_(function(text) return text:match("[^\n]*$"):find(pattern) and text end, pattern)
end

function pty:resize(rows, columns)
  core.resize(self.fd, rows, columns)
  self.screen.rows, self.screen.columns = rows, columns
  for i = #self.screen.cells + 1, rows do self.screen.cells[i] = {} end
end

--- Send the program a signal: "KILL".
function pty:signal(name)
  local handle = assert(io.open(("/proc/%d/task/%d/children"):format(self.pid, self.pid))) -- of timeout(1)
  local child = handle:read "n"
  handle:close()
  os.execute(("kill -%s %d"):format(name, child))
end

function pty:raw() return core.raw(self.fd) end

--- Wait for its end; returns the exit code.
function pty:finish()
  for _ = 1, most_looks do
    if self.over or not look(self, 50) then break end
  end
  return core.finish(self.fd, self.pid)
end

return pty
