--- Work at a time: timers and tasks of a script, on the loop.
--
--     local scheduler = require "scheduler"
--     local s = scheduler.new()
--     s:every("15m", function() print "tick" end)
--     s:after("1s", function() print "once" end)
--     s:spawn(function()
--       s:sleep("2s")
--       print "a task that waits without stopping the others"
--     end)
--     s:run()            -- until nothing is left, or s:stop()
--
-- Durations are milliseconds or texts such as "250ms", "15m", "1h30m". An error
-- in one function stops that one only: it is told to `on_error(message,
-- traceback, name)` and kept in `s.errors`. These timers live in memory; an agent's
-- schedule is durable and is declared in its manifest.
local loop = require "loop"
local duration = require "duration"

local scheduler = {}
scheduler.__index = scheduler

local function to_ms(d, level)
  if type(d) == "string" then
    local ms, message = duration.parse(d)
    if not ms then error(message, level + 1) end
    return ms
  end
  if type(d) ~= "number" or d ~= d or d < 0 or d >= 2 ^ 53 then
    error('expected milliseconds or a duration like "15m", got ' .. tostring(d), level + 1)
  end
  return math.ceil(d)
end

local function check_function(fn)
  if type(fn) ~= "function" then error("expected a function, got " .. type(fn), 3) end
end

local function report(message, _, name)
  io.stderr:write("scheduler: ", require("terminal").message(name .. " failed: " .. tostring(message)), "\n")
end

--- options.on_error(message, traceback, name); options.now() gives the time in
-- milliseconds that `at` compares with (the clock's, unless told).
function scheduler.new(options)
  options = options or {}
  return setmetatable({
    errors = {},
    entries = {},       -- what keeps run() going: handles and tasks
    left = 0,
    on_error = options.on_error or report,
    now = options.now or loop.now,
  }, scheduler)
end

local handle = {}
handle.__index = handle

--- Never call it again. What runs already goes on to its end, but run() no longer
-- waits for it.
function handle:stop()
  if self.timer then self.timer:stop() end
  self.owner:forget(self)
end

function handle:active()
  return self.owner.entries[self] ~= nil
end

function scheduler:add(kind, name)
  local h = setmetatable({ owner = self, name = name or kind }, handle)
  self.entries[h] = true
  self.left = self.left + 1
  return h
end

function scheduler:forget(h)
  if not self.entries[h] then return end
  self.entries[h] = nil
  self.left = self.left - 1
  if self.left == 0 and self.running then loop.stop() end
end

function scheduler:failed(h, message, trace)
  table.insert(self.errors, { name = h.name, message = message, traceback = trace })
  local ok, why = pcall(self.on_error, message, trace, h.name)
  if not ok then io.stderr:write("scheduler: on_error failed: ", tostring(why), "\n") end
end

-- Every function runs as a task, so a timer's may sleep too.
function scheduler:call(h, fn, after)
  loop.spawn(function()
    fn(h)
    if after then after() end
  end, function(message, trace)
    self:failed(h, message, trace)
    if after then after() end
  end)
end

--- Call fn once, after a duration. Returns a handle with :stop() and :active().
function scheduler:after(d, fn, name)
  local ms = to_ms(d, 2)
  check_function(fn)
  local h = self:add("after", name)
  h.timer = loop.timer(ms, function()
    self:call(h, fn, function() self:forget(h) end)
  end)
  return h
end

--- Call fn again and again; a call that is still busy when the next is due makes
-- that one wait for the period after. The first call comes after one period.
function scheduler:every(d, fn, name)
  local ms = to_ms(d, 2)
  check_function(fn)
  if ms < 1 then error("a period must be at least 1 ms", 2) end
  local h = self:add("every", name)
  h.timer = loop.timer(ms, function()
    if h.busy then return end
    h.busy = true
    self:call(h, fn, function() h.busy = false end)
  end, ms)
  return h
end

--- Call fn at a time in milliseconds since 1970 (at once when that is past). The
-- clock is looked at again when the timer ends, so a clock that is set back does
-- not make it early.
function scheduler:at(time_ms, fn, name)
  if type(time_ms) ~= "number" then error("expected a time in milliseconds, got " .. type(time_ms), 2) end
  check_function(fn)
  local h = self:add("at", name)
  local function wait()
    -- At most an hour at a time: a clock that is set forward is noticed.
    h.timer = loop.timer(math.min(math.max(0, time_ms - self.now()), 3600000), function()
      if self.now() < time_ms then return wait() end
      self:call(h, fn, function() self:forget(h) end)
    end)
  end
  wait()
  return h
end

--- Run fn as a task, from now until it returns; it may call s:sleep(d).
function scheduler:spawn(fn, name)
  check_function(fn)
  local h = self:add("task", name)
  self:call(h, fn, function() self:forget(h) end)
  return h
end

--- Wait; in a task the others go on meanwhile.
function scheduler:sleep(d)
  loop.sleep(to_ms(d, 2))
end

--- Turn the loop until nothing is left of this scheduler, or until s:stop().
-- Returns true, or false and the number of functions that failed.
function scheduler:run()
  if self.running then error("this scheduler runs already", 2) end
  self.running, self.stopping = true, false
  while self.left > 0 and not self.stopping do
    if not loop.turn() then break end
  end
  self.running = false
  if #self.errors > 0 then return false, #self.errors end
  return true
end

--- Make s:run() return; what is left stays and goes on with the next s:run().
function scheduler:stop()
  self.stopping = true
  loop.stop()
end

return scheduler
