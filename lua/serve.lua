--- `keel serve`: one engine for one home, for as long as it is wanted.
--
-- The process forks before anything is open: the parent supervises (src/supervise.c),
-- the child is the engine. It recovers the runs that were open, watches folders and mailboxes,
-- answers commands on var/engine.sock and, over HTTP, programs and people.
local clock = require "core.clock"
local engine = require "engine"
local errors = require "errors"
local export = require "observe.export"
local file = require "file"
local json = require "json"
local log = require "observe.log"
local loop = require "loop"
local rest = require "serve.rest"
local secret = require "secret"
local supervise = require "core.supervise"

local serve = {}

local private = tonumber("600", 8)

--- How long a second engine waits for a command that has the store right now.
local patience_ms = 3000

--- How long the first look at a mailbox is waited for.
local first_look_ms = 3000

--- What the engine exits with to be started anew.
local anew = 75

--- How long commits on their way may take at the end.
local farewell_ms = 3000

local function path(self, name) return file.join(self.home, "var", name) end

-- ---- starting ----------------------------------------------------------------------

local function already_running(self)
  local pid = require("remote").ping(self.home)
  return pid and errors.new("K1020", { pid = pid })
end

--- Open the engine; a command that holds the store for a moment is waited for.
local function open_engine(self)
  local till = clock.now_ms() + patience_ms
  while true do
    local e, err = engine.open { home = self.home, schedules = true, served = true,
      on_refused = function(refusal) self.say(refusal.err) end, on_log = function(run, level, text) self.log:of_run(run, level, text) end,
      on_fault = function(text) self.log:line("error", "internal error: " .. text) end }
    if e then return e end
    if err.number ~= "K9001" then return nil, err end
    -- one that was started again has the socket itself: nobody would answer there
    local running = supervise.history().restarts == 0 and already_running(self) or nil
    if running or clock.now_ms() > till then return nil, running or err end
    loop.sleep(50)
  end
end

--- The token that HTTP clients show: made once, for this user's eyes.
function serve.token(home)
  local where = file.join(home, "var", "token")
  local text = file.read(where)
  text = text and text:match("^(%x+)%s*$")
  if text and #text == 64 then
    secret.remember(text)
    return text
  end
  text = ("%016x%016x%016x%016x"):format(clock.random(), clock.random(), clock.random(), clock.random())
  local ok, message, code = file.write(where, text .. "\n", private)
  if not ok then return nil, errors.from(message, code, { name = where }) end
  secret.remember(text)
  return text
end

local function open_socket(self)
  local core = require "core.socket"
  local requests = require "serve.requests"
  local message, code
  self.socket, message, code = core.listen(path(self, "engine.sock"), requests.max_bytes, {
    line = function(conn, line) requests.answer(self.engine, conn, line) end }, "engine")
  if not self.socket then return nil, errors.from(message, code, { name = "var/engine.sock" }) end
  return true
end

local function open_http(self)
  local err
  self.http, err = require("serve.http").open(self)
  if err then return nil, err end
  return true
end

local function write_papers(self)
  local paper = { pid = file.getpid(), supervisor_pid = supervise.parent(),
    listen = self.http and self.http.listen or json.null, url = self.http and self.http.url or json.null }
  local text = json.encode(paper)
  file.write(path(self, "engine.pid"), paper.supervisor_pid .. "\n")
  local ok, message, code = file.write(path(self, "engine.json"), text .. "\n")
  if not ok then return nil, errors.from(message, code, { name = "var/engine.json" }) end
  return text
end

--- What a served engine does beside what it is asked.
local function begin_service(self, e)
  require("serve.guest").welcome(e)
  e.on_rest = function(id) self.export:offer(id) end
  e.exports = self.export
  e:keep_tidy()
  return true
end

local function same_folders(a, b)
  return json.encode(a) == json.encode(b)
end

--- Where Keel's own Lua is taken from a folder, a save there starts the engine anew: it ends
--- cleanly, with a code that its supervisor answers with another.
local function watch_own(self)
  local from = os.getenv "KEEL_LUA"
  if not from or not supervise.parent() then return true end
  local err
  self.own, err = require("reload.own").open(from, { say = self.say, restart = function()
    self.note "Keel's own Lua changed: the engine starts anew"
    self.stopping = self.stopping or "anew"
    loop.stop()
  end })
  return self.own ~= nil, err
end

local function close_folders(self)
  if self.own then self.own:close() end
  self.own = nil
  if self.folders then self.folders:close() end
  if self.mailboxes then self.mailboxes:close() end
  if self.reload then self.reload:close() end
  self.folders, self.mailboxes, self.reload = nil, nil, nil
end

--- Saving config.lua looks at all mailboxes anew, with what it says now.
local function open_mailboxes(self)
  if self.mailboxes then self.mailboxes:close() end
  self.mailboxes = require("serve.mailboxes").open(self.engine, self.say, self.note)
end

local function open_folders(self)
  local err
  self.folders, err = require("serve.folders").open(self.engine, self.say)
  if not self.folders then return nil, err end
  open_mailboxes(self)
  self.reload, err = require("reload").open(self.engine, { say = self.say, note = self.note, on_config = function(old, new)
    if not same_folders(old.inbox, new.inbox) then
      self.folders:close()
      self.folders, err = require("serve.folders").open(self.engine, self.say)
      if not self.folders then self.say(err) end
    end
    open_mailboxes(self)
    if self.http then self.http.allow(new.http.hosts) end
    self.export:changed()
  end })
  if not self.reload then return nil, err end
  return watch_own(self)
end

--- Who is told that the engine is there may count on it: a mail that comes from then on is new, also in a mailbox
--- that nobody looked at before. A server that does not answer is not waited for long.
local function await_mailboxes(self)
  local over = false
  local alarm = loop.timer(first_look_ms, function() over = true end)
  while self.mailboxes and not over and not self.stopping and not self.engine.failed and not self.mailboxes:begun() do loop.turn(true) end
  alarm:stop()
end

--- The store refuses changes: read on, and wait for it. Returns true, or nil, err.
local function wait_for_store(self, failed, err, code)
  close_folders(self)
  local ok, why = rest.until_it_works(self.home, failed, err, code, {
    swap = function(e) self.engine = e end,
    open = function()
      local e, refusal = open_engine(self)
      if e then begin_service(self, e) end
      return e, refusal
    end,
    note = self.note,
    stopping = function() return self.stopping end,
  })
  if ok and not self.stopping then
    write_papers(self) -- they may be missing, or those of an engine before this one
    ok, why = open_folders(self)
  end
  return ok, why
end

--- The first engine of this process. One that was started again, on a disk that does not
--- take its mark, reads until it does; the first of all says so and ends.
local function first_engine(self)
  local err
  self.engine, err = open_engine(self)
  if self.engine then return begin_service(self, self.engine) end
  if supervise.history().restarts == 0 or not rest.passes(err) then return nil, err end
  self.engine = rest.onlooker(self.home, err)
  return self.engine ~= nil, err
end

local function open(self)
  local ok, err = first_engine(self)
  if not ok then return nil, err end
  for _, problem in ipairs(self.engine.library.problems) do self.say(problem) end
  for _, text in ipairs(self.engine:warnings()) do self.note(text) end
  self.token, err = serve.token(self.home)
  if not self.token then return nil, err end
  self.export:begin()
  if not self.engine.resting then ok, err = open_folders(self) end
  if not ok then return nil, err end
  await_mailboxes(self)
  ok, err = open_socket(self)
  if not ok then return nil, err end
  return open_http(self)
end

-- ---- being there -------------------------------------------------------------------

local function announce(self)
  local history = supervise.history()
  local text, err = write_papers(self)
  if not text and (history.restarts == 0 or not rest.passes(err)) then return nil, err end
  supervise.ready()
  for _, notice in ipairs(self.engine.notices or {}) do self.note(notice) end
  if history.restarts == 0 then
    io.stdout:write(text, "\n")
    io.stdout:flush()
    if self.http and require("terminal").new().tty then
      self.note(("open %s in a browser; what it asks for is in %s"):format(self.http.url, path(self, "token")))
    end
  else
    if err then self.say(err) end
    self.note(("the engine is back (process %d)"):format(file.getpid()))
  end
  return true
end

--- Until a signal. A store that fails for a while is waited for; another failure is the
--- end: returns nil, err.
local function turn(self)
  self.heart = loop.timer(0, supervise.beat, math.max(self.stall_ms // 5, 10))
  while not self.stopping do
    local e = self.engine
    if e.resting then
      local ok, err = wait_for_store(self, e, e.resting, e.failed_code)
      if not ok then return nil, err end
    elseif not e.failed then
      loop.turn(true)
    elseif not rest.passes(e.failed) then
      return nil, e.failed
    else
      local ok, err = wait_for_store(self, e, e.failed, e.failed_code)
      if not ok then return nil, err end
    end
  end
  return true
end

local function close(self)
  local e = self.engine
  local untold = self.export:close()
  if untold > 0 then self.log:line("warn", ("%d runs were not told to the collector"):format(untold)) end
  close_folders(self)
  if self.socket then self.socket:close() end
  if self.http then self.http:close() end
  if not e then return end
  if not e.failed and not e.resting then
    local till = clock.now_ms() + farewell_ms
    local alarm = loop.timer(farewell_ms, function() end)
    e:drain(function() return e.submitted == 0 or clock.now_ms() > till end)
    alarm:stop()
  end
  e:close()
  if self.heart then self.heart:stop() end
  for _, name in ipairs { "engine.json", "engine.pid" } do os.remove(path(self, name)) end
end

--- The engine's life. Returns the exit code, or nil, err.
function serve.engine(self)
  self.log = log.new { json = self.json_log }
  self.say = function(err) self.log:problem(err) end
  self.note = function(text) self.log:line("info", text) end
  self.export = export.new { engine = function() return self.engine end, note = function(level, text) self.log:line(level, text) end }
  supervise.signals(function(signal)
    self.stopping = self.stopping or signal
    loop.stop()
  end)
  local ok, err = open(self)
  if ok then ok, err = announce(self) end
  if ok and not self.stopping then ok, err = turn(self) end
  err = err or self.engine and self.engine.failed
  close(self)
  if err then
    if not self.json_log then return nil, err end
    self.say(err)
    return errors.exit_code(err)
  end
  return self.stopping == "INT" and 130 or self.stopping == "anew" and anew or 0
end

--- Serve a home until a signal. Options: home, listen ("HOST:PORT" or "off"),
--- stall_ms, log ("text" or "json"). Returns the exit code, or nil, err. It forks: call it before anything is
--- open.
function serve.run(options)
  local home = #options.home > 1 and options.home:gsub("/+$", "") or options.home
  local self = { home = home, listen = options.listen, stall_ms = options.stall_ms or 5000, json_log = options.log == "json" }
  local role, message, code = supervise.run { stall_ms = self.stall_ms, json = self.json_log }
  if role == "child" then return serve.engine(self) end
  if not role then return nil, errors.from(message, code) end
  return role
end

return serve
