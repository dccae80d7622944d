local program = require "spec.support.program"
local scheduler = require "scheduler"

local function quiet(options)
  local s = scheduler.new(options)
  s.on_error = function() end
  return s
end

describe("the scheduler", function()
  it("runs until nothing is left", function()
    local s, seen = scheduler.new(), {}
    s:after("2ms", function() table.insert(seen, "after") end)
    s:after(1, function() table.insert(seen, "number") end)
    assert.is_true(s:run())
    assert.same({ "number", "after" }, seen)
  end)

  it("calls again and again until stopped", function()
    local s, n = scheduler.new(), 0
    local h
    h = s:every("1ms", function()
      n = n + 1
      if n == 4 then h:stop() end
    end)
    assert.is_true(h:active())
    s:run()
    assert.equal(4, n)
    assert.is_false(h:active())
  end)

  it("does not start a period's call while the last one is busy", function()
    local s, busy, most, n = scheduler.new(), 0, 0, 0
    local h
    h = s:every(1, function()
      busy, n = busy + 1, n + 1
      most = math.max(most, busy)
      s:sleep(4)
      busy = busy - 1
      if n == 3 then h:stop() end
    end)
    s:run()
    assert.equal(1, most)
  end)

  it("calls at a time, and at once when that is past", function()
    local now = 1000000
    local s, seen = scheduler.new { now = function() return now end }, {}
    s:at(now + 2, function() table.insert(seen, "soon") end)
    s:at(1, function() table.insert(seen, "past") end)
    s:after(1, function() now = now + 2 end)
    s:run()
    assert.same({ "past", "soon" }, seen)
  end)

  it("interleaves tasks that sleep", function()
    local s, seen = scheduler.new(), {}
    for _, name in ipairs { "a", "b" } do
      s:spawn(function()
        for i = 1, 2 do
          table.insert(seen, name .. i)
          s:sleep("2ms")
        end
      end)
    end
    s:run()
    assert.same({ "a1", "b1", "a2", "b2" }, seen)
  end)

  it("reports an error and lets the others go on", function()
    local told = {}
    local s = scheduler.new { on_error = function(message, trace, name) told = { message, trace, name } end }
    local after, task = false, false
    s:after(0, function() error "spilled" end, "kettle")
    s:after(2, function() after = true end)
    s:spawn(function()
      s:sleep(1)
      task = true
      error { code = "odd" }
    end)
    local ok, failed = s:run()
    assert.is_false(ok)
    assert.equal(2, failed)
    assert.is_true(after and task)
    assert.equal("odd", told[1].code)
    assert.equal("kettle", s.errors[1].name)
    assert.match("spilled", s.errors[1].message)
  end)

  it("keeps calling what failed once", function()
    local s, n = quiet(), 0
    local h
    h = s:every(1, function()
      n = n + 1
      if n == 3 then h:stop() end
      error "each time"
    end)
    assert.is_false(s:run())
    assert.equal(3, n)
  end)

  it("stops, and goes on with the next run", function()
    local s, late = scheduler.new(), false
    s:after(1, function() s:stop() end)
    s:after(150, function() late = true end) -- far enough for a machine that is busy elsewhere
    s:run()
    assert.is_false(late)
    s:run()
    assert.is_true(late)
  end)

  it("refuses what is no duration, with the caller's line", function()
    local s = scheduler.new()
    for _, wrong in ipairs { "soon", -1, 0 / 0, {} } do
      local ok, message = pcall(s.after, s, wrong, print)
      assert.is_false(ok)
      assert.match("duration", message)
    end
    assert.has_error(function() s:every("0ms", print) end)
    assert.has_error(function() s:spawn(1) end)
  end)

  it("is shown by an example that runs", function()
    local pipe = assert(io.popen(program .. " lua docs/examples/scheduler.lua"))
    local out = pipe:read("a")
    assert.is_true(pipe:close())
    assert.match("tick 3", out)
    assert.match("printer failed: no paper", out)
    assert.match("task: end\nat last\nfalse\t1", out)
  end)
end)
