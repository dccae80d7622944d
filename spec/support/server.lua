-- `keel serve` on a scratch home, in processes of its own.
local file = require "file"
local json = require "json"
local loop = require "loop"
local program = require "spec.support.program"

local server = {}
server.__index = server

--- Turn the loop until `fn` returns a true value, which is returned; fails after 20 s.
function server.eventually(fn, what)
  local over = false
  local bound = loop.timer(20000, function() over = true end)
  local look = loop.timer(2, function() end, 5)
  local value = fn()
  while not value and not over do
    loop.turn(true)
    value = fn()
  end
  bound:stop()
  look:stop()
  return value or error("it did not happen: " .. (what or "?"), 2)
end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

--- Start serving; returns when it is ready. `words` are more flags; env is "NAME=VALUE ...".
function server.start(home, words, env)
  local self = setmetatable({ home = home, log = home.path .. "/var/serve.log" }, server)
  self.pipe = assert(io.popen(("exec env %s timeout -s KILL 60 %s serve --home %s %s 2>%s"):format(env or "", quoted(program),
    quoted(home.path), words or "--listen off", quoted(self.log))))
  local line = self.pipe:read("l")
  self.paper = line and json.decode(line)
  if not self.paper then
    local text = file.read(self.log)
    self.pipe:close()
    self.pipe = nil
    return nil, text
  end
  return self
end

function server:now()
  local text = file.read(self.home.path .. "/var/engine.json")
  return text and json.decode(text) or {}
end

function server.kill(pid, signal)
  os.execute(("kill -%s %d"):format(signal, pid))
end

--- Run `keel WORDS` on this home: its output, its errors, its exit code.
function server:keel(words, stdin)
  local out, err = os.tmpname(), os.tmpname()
  local command = ("%s %s --home %s >%s 2>%s"):format(quoted(program), words, quoted(self.home.path), out, err)
  if stdin then
    assert(file.write(self.home.path .. "/stdin", stdin))
    command = command .. " <" .. quoted(self.home.path .. "/stdin")
  end
  local _, _, code = os.execute("timeout 30 " .. command)
  local said, complained = file.read(out), file.read(err)
  os.remove(out)
  os.remove(err)
  return said, complained, code
end

--- What a command prints with --json.
function server:json(words, stdin)
  local out, err, code = self:keel(words .. " --json", stdin)
  local value = json.decode(out)
  if value == nil then error("no JSON: " .. out .. err, 2) end
  return value, code
end

function server:messages() return file.read(self.log) or "" end

function server:said(text)
  local ok, message = pcall(server.eventually, function() return self:messages():find(text, 1, true) end,
    "saying " .. text)
  if not ok then error(message .. "; it said:\n" .. self:messages(), 2) end
end

--- Stop by a signal; returns the exit code.
function server:stop(signal)
  if not self.pipe then return nil end
  server.kill(self.paper.supervisor_pid, signal or "TERM")
  local _, _, code = self.pipe:close()
  self.pipe = nil
  return code
end

return server
