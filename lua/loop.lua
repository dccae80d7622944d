--- The loop of this process: callbacks, and tasks that look blocking.
--
-- A task is a coroutine started by `loop.spawn`. Inside one, `loop.await` lets
-- the others go on while it waits; outside of any task it turns the loop until
-- the answer is there. So one function serves scripts and engine alike.
local core = require "core.loop"
local clock = require "core.clock"
local mark = require("core.supervise").mark

local loop = {
  run = core.run, stop = core.stop, turn = core.turn, held = core.held,
  hold = core.hold, release = core.release, on_error = core.on_error,
  now = clock.now_ms,
}

-- Only coroutines that we started may be suspended for the loop: a plain one
-- (an iterator, say) would hand our yield to whoever resumed it.
local tasks = setmetatable({}, { __mode = "k" })

-- For which run each works: that for which the process worked when it was started.
local behalf = setmetatable({}, { __mode = "k" })

--- Call `fn` once, `ms` from now; with `repeat_ms` again and again. The handle
-- has `:stop()` and `:active()`.
function loop.timer(ms, fn, repeat_ms)
  return core.timer(math.max(0, math.ceil(ms)), fn, repeat_ms and math.max(1, math.ceil(repeat_ms)))
end

--- Whether the code that asks runs in a task, so that await lets others go on.
function loop.in_task()
  return tasks[coroutine.running()] ~= nil
end

local function resume(co, ...)
  local before = mark(behalf[co])
  local ok, message = coroutine.resume(co, ...)
  mark(before)
  if ok then return end
  local failed = tasks[co]
  tasks[co] = nil
  failed(message, debug.traceback(co, tostring(message)))
end

--- Run `fn(...)` as a task, at once, until it waits for something first. An error
-- that ends it goes to `on_error(message, traceback)`; without one it is raised in
-- the loop's callback, that is, to `loop.on_error`.
function loop.spawn(fn, on_error, ...)
  local co = coroutine.create(fn)
  behalf[co] = mark()
  tasks[co] = on_error or function(_, trace) error(trace, 0) end
  resume(co, ...)
  return co
end

--- Wait for one call of `wake`: `start(wake)` begins the work and sees that
-- `wake(...)` is called, now or later; what it is called with is returned.
-- Later calls of `wake` do nothing.
function loop.await(start)
  local co, done, waiting = coroutine.running(), nil, false
  local task = tasks[co] ~= nil
  start(function(...)
    if done then return end
    done = table.pack(...)
    if waiting then resume(co) end
  end)
  if task then
    waiting = true
    if not done then coroutine.yield() end
  else
    while not done do
      if not core.turn() and not done then error("nothing is left that could end this wait", 2) end
    end
  end
  return table.unpack(done, 1, done.n)
end

--- Wait `ms` milliseconds.
function loop.sleep(ms)
  loop.await(function(wake) loop.timer(ms, wake) end)
end

return loop
