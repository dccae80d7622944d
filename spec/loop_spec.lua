local loop = require "loop"

describe("the loop", function()
  after_each(function() loop.on_error(nil) end)

  it("calls timers in the order of their times", function()
    local order = {}
    loop.timer(6, function() table.insert(order, "late") end)
    loop.timer(1, function() table.insert(order, "early") end)
    loop.timer(3, function() table.insert(order, "middle") end)
    loop.run()
    assert.same({ "early", "middle", "late" }, order)
  end)

  it("never calls a timer before its time, after a long callback either", function()
    local clock = require "core.clock"
    local wait
    loop.timer(0, function()
      local start = clock.mono_us()
      while clock.mono_us() - start < 4000 do end
      start = clock.mono_us()
      loop.timer(3, function() wait = clock.mono_us() - start end)
    end)
    loop.run()
    assert.is_true(wait >= 3000, wait)
  end)

  it("repeats until it is stopped, from inside too", function()
    local n, timer = 0, nil
    timer = loop.timer(1, function()
      n = n + 1
      if n == 3 then timer:stop() end
    end, 1)
    loop.run()
    assert.equal(3, n)
    assert.is_false(timer:active())
  end)

  it("keeps a started timer whose handle nobody holds", function()
    local called = false
    loop.timer(1, function() called = true end)
    collectgarbage()
    collectgarbage()
    loop.run()
    assert.is_true(called)
  end)

  it("returns from run at stop, and goes on with the next run", function()
    local second = false
    loop.timer(1, function()
      loop.timer(1, function() second = true end)
      loop.stop()
    end)
    loop.run()
    assert.is_false(second)
    loop.run()
    assert.is_true(second)
  end)

  it("tells an error of a callback with its traceback and goes on", function()
    local told, after = nil, false
    loop.on_error(function(message) told = message end)
    loop.timer(0, function() error "spilled" end)
    loop.timer(1, function() after = true end)
    loop.run()
    assert.match("spilled", told)
    assert.match("traceback", told)
    assert.is_true(after)
  end)

  it("lets other tasks go on while one waits", function()
    local seen = {}
    for i = 1, 3 do
      loop.spawn(function()
        loop.sleep(10 * (3 - i))
        table.insert(seen, i)
      end)
    end
    assert.same({}, seen)
    loop.run()
    assert.same({ 3, 2, 1 }, seen)
  end)

  it("waits outside of any task by turning the loop", function()
    local value = loop.await(function(wake) loop.timer(1, function() wake("ready", nil) end) end)
    assert.equal("ready", value)
  end)

  it("does not mistake somebody's iterator for a task", function()
    local items = coroutine.wrap(function()
      loop.sleep(1)
      coroutine.yield "item"
    end)
    assert.equal("item", items())
  end)

  it("says so when a wait cannot end", function()
    assert.has_error(function() loop.await(function() end) end, "nothing is left that could end this wait")
  end)

  it("may be closed with timers that never came", function()
    loop.timer(3600000, function() end):stop()
    assert.is_false(loop.turn(false))
  end)
end)
