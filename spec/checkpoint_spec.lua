local checkpoint = require "checkpoint"
local json = require "json"
local loop = require "loop"
local store = require "store"
local program = require "spec.support.program"

local function scratch()
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  return folder
end

local function read_lines(path)
  local list = {}
  local f = io.open(path)
  if not f then return list end
  for line in f:lines() do list[#list + 1] = line end
  f:close()
  return list
end

local function raises(words, fn, ...)
  local ok, message = pcall(fn, ...)
  assert.is_false(ok)
  assert.match(words, tostring(message))
  return message
end

describe("a script with durable steps", function()
  local folder, path, now, c
  local function open() c = assert(checkpoint.open(path, { clock = function() return now end })) end

  before_each(function()
    folder, now = scratch(), 1000
    path = folder .. "/work.db"
    open()
  end)
  after_each(function()
    c:close()
    os.execute("rm -rf " .. folder)
  end)

  local function again()
    c:close()
    open()
  end

  it("gets what each step returned, and the run gives what the script returned", function()
    local total = c:run("import", function(step)
      local rows = step("fetch", function() return { 3, 5 } end)
      return rows[1] + step("more", function() return rows[2] end)
    end)
    assert.equal(8, total)
  end)

  it("goes on with the first step that is missing", function()
    local calls = {}
    local function script(stop)
      return function(step)
        for _, name in ipairs { "a", "b", "c" } do
          step(name, function()
            if name == stop then error("no paper", 0) end
            calls[#calls + 1] = name
          end)
        end
        return calls
      end
    end
    raises("^no paper$", c.run, c, "work", script "c")
    again()
    raises("^no paper$", c.run, c, "work", script "c")
    again()
    assert.same({ "a", "b", "c" }, c:run("work", script()))
    assert.same({ "a", "b", "c" }, calls)
  end)

  it("gives the recorded result of a finished run and calls nothing", function()
    assert.same({ n = 1 }, c:run("work", function(step) return { n = step("one", function() return 1 end) } end))
    again()
    assert.same({ n = 1 }, c:run("work", function() error "called" end))
  end)

  it("hands over a copy that was read from the record, the first time too", function()
    local kept = { list = {}, marked = json.array {}, big = 9007199254740993, float = 2.0, null = json.null }
    local function script(step)
      local got = step("look", function() return kept end)
      return { same = rawequal(got, kept), big = got.big, kind = math.type(got.float), null = got.null,
        texts = json.encode { got.list, got.marked } }
    end
    local seen = c:run("first", script)
    assert.same({ same = false, big = 9007199254740993, kind = "float", null = json.null, texts = "[{},[]]" }, seen)
  end)

  it("keeps nil as nil, the first time and again", function()
    local function script(fail)
      return function(step)
        local got = step("nothing", function() return nil end)
        assert(got == nil)
        if fail then error("stop", 0) end
      end
    end
    raises("stop", c.run, c, "work", script(true))
    assert.is_nil(c:run("work", script(false)))
    assert.equal("done", c:list()[1].state)
    assert.is_nil(c:run("work", error))
  end)

  it("gives the step that is done again the key of the first time, and a later run another", function()
    local keys = {}
    local function script(step)
      step("one", function() end)
      return step("two", function(key)
        keys[#keys + 1] = key
        if #keys == 1 then error("stop", 0) end
        return 0
      end)
    end
    raises("stop", c.run, c, "work", script)
    again()
    c:run("work", script)
    c:forget "work"
    c:run("work", script)
    assert.equal(keys[1], keys[2])
    assert.match("/2$", keys[1])
    assert.not_equal(keys[2], keys[3])
  end)

  describe("that was changed", function()
    before_each(function()
      pcall(c.run, c, "work", function(step)
        step("fetch", function() end)
        step("store", function() end)
        error "stop"
      end)
    end)

    it("is stopped by an error that names the step that was recorded and the new one", function()
      local message = raises("step 2 %(store%) of work was recorded, but the script now asks for send", c.run, c, "work",
        function(step)
          step("fetch", error)
          step("send", error)
        end)
      assert.match("^spec/checkpoint_spec.lua:%d+: ", message)
    end)

    it("cannot hide that from the run by catching it", function()
      raises("now asks for send", c.run, c, "work", function(step)
        step("fetch", error)
        pcall(step, "send", error)
        return "done"
      end)
    end)

    it("is told when it ends before what is recorded", function()
      raises("step 2 %(store%) of work was recorded, but the script now ends before it", c.run, c, "work",
        function(step) step("fetch", error) end)
      assert.equal("open", c:list()[1].state)
    end)
  end)

  it("begins no step after one that raised, even when the script catches the error", function()
    local later = false
    raises("no paper", c.run, c, "work", function(step)
      pcall(step, "print", function() error "no paper" end)
      step("send", function() later = true end)
    end)
    assert.is_false(later)
    assert.same({}, c:log "work")
  end)

  it("is told what cannot be kept, with the step and the place in the value", function()
    raises("step 1 %(look%) of work cannot be kept: value.rows%[2%].f is a function", c.run, c, "work",
      function(step) step("look", function() return { rows = { {}, { f = print } } } end) end)
    raises("the result of other cannot be kept", c.run, c, "other", function() return print end)
  end)

  it("cannot nest its steps, nor take one when the run is over", function()
    raises("step inner is inside of step outer", c.run, c, "work", function(step)
      step("outer", function() step("inner", print) end)
    end)
    local late
    c:run("other", function(step) late = step end)
    raises("other is over", late, "late", print)
  end)

  it("cannot run twice at once, but may start other runs", function()
    c:run("work", function(step)
      raises("work runs already", c.run, c, "work", print)
      raises("work runs now", c.forget, c, "work")
      return step("child", function() return c:run("other", function() return 1 end) end)
    end)
    assert.equal(2, #c:list())
  end)

  it("may wait inside of its steps while other tasks go on", function()
    local order = {}
    loop.spawn(function()
      c:run("slow", function(step)
        step("wait", function() loop.sleep(5) end)
        order[#order + 1] = "slow"
      end)
    end)
    loop.spawn(function()
      c:run("quick", function(step) step("go", function() order[#order + 1] = "quick" end) end)
    end)
    while #order < 2 do loop.turn() end
    assert.same({ "quick", "slow" }, order)
  end)

  it("shows its runs and their steps, with times", function()
    c:run("one", function(step)
      now = 2000
      step("a", function() return { 1 } end)
      now = 3000
      step("b", function() end)
      return true
    end)
    pcall(c.run, c, "two", function() error("no \xffpaper", 0) end)
    local list = c:list()
    assert.same({ name = "one", state = "done", steps = 2, attempts = 1, created = 1000, updated = 3000 }, list[1])
    assert.same({ name = "two", state = "open", steps = 0, attempts = 1, created = 3000, updated = 3000, error = "no " },
      list[2])
    local log = c:log "one"
    assert.same({ "a", "b" }, { log[1].name, log[2].name })
    assert.same({ { 1 }, 2000, 3000 }, { log[1].result, log[1].t, log[2].t })
    assert.equal("integer", math.type(log[1].took_us))
  end)

  it("is forgotten with its steps", function()
    local count = 0
    local function script(step) return step("count", function() count = count + 1 end) end
    c:run("work", script)
    assert.is_true(c:forget "work")
    assert.is_false(c:forget "work")
    assert.same({}, c:list())
    c:run("work", script)
    assert.equal(2, count)
  end)

  it("says not_found for the log of a run that is not there", function()
    local log, message, code = c:log "nothing"
    assert.same({ nil, "no run named nothing", "not_found" }, { log, message, code })
  end)

  it("raises for arguments that make no sense, at the caller's line", function()
    assert.match("^spec/checkpoint_spec", raises("run: expected a name, got nil", function() c:run(nil, print) end))
    raises("expected a name", function() c:run("\xff", print) end)
    raises("run: expected a function, got string", function() c:run("x", "y") end)
    assert.match("^spec/checkpoint_spec", raises("step: expected a name", c.run, c, "x", function(step) step(1, print) end))
    raises("step: expected a function, got nil", c.run, c, "x", function(step) step "a" end)
  end)

  it("works on a store that is open already, and leaves it open", function()
    local db <close> = assert(store.open(":memory:"))
    local other = checkpoint.open(db)
    assert.equal(1, other:run("x", function(step) return step("a", function() return 1 end) end))
    other:close()
    assert.is_table(db:read("record.types", {}))
  end)

  it("gets nil, message, code where the world fails: no folder, another owner", function()
    local none, message, code = checkpoint.open(folder .. "/none/work.db")
    assert.is_nil(none)
    assert.same({ "string", "string" }, { type(message), type(code) })
    none, message, code = checkpoint.open(path)
    assert.same({ nil, "locked" }, { none, code })
    assert.match("owns the store", message)
  end)

  it("is stopped when its run was taken away under it, and records nothing more", function()
    local later = false
    local result, _, code = c:run("work", function(step)
      step("one", function() c.store:commit(c.store:tx():add("checkpoint.forget", { name = "work" })) end)
      later = true
    end)
    assert.same({ nil, "conflict" }, { result, code })
    assert.is_false(later)
    assert.same({}, c:list())
  end)
end)

describe("a step that may happen only once", function()
  local c, calls
  before_each(function() c, calls = assert(checkpoint.open ":memory:"), 0 end)
  after_each(function() c:close() end)

  -- What a crash leaves: the intent, and no result.
  local function crash()
    pcall(c.run, c, "pay", function(step)
      step("look", function() return 0 end)
      step("charge", function() calls = calls + 1; error("crash", 0) end, { once = true })
    end)
    assert.equal(1, calls)
  end

  local function pay(probe)
    return c:run("pay", function(step)
      step("look", error)
      return step("charge", function() calls = calls + 1; return "charged" end, { once = true, probe = probe })
    end)
  end

  it("is done and recorded like any other", function()
    assert.equal(7, c:run("pay", function(step) return step("charge", function() return 7 end, { once = true }) end))
    assert.equal(1, c:list()[1].steps)
  end)

  it("is not done again after a crash; the run says that nobody knows", function()
    crash()
    local result, message, code = pay()
    assert.same({ nil, "unknown", 1 }, { result, code, calls })
    assert.match('step 2 %(charge%) of pay was begun and nobody knows', message)
    assert.is_true(c:log("pay")[2].unknown)
    assert.equal("open", c:list()[1].state)
  end)

  it("takes a person's answer: it happened", function()
    crash()
    assert(c:settle("pay", true, "by hand"))
    assert.same({ "by hand", 1 }, { pay(), calls })
  end)

  it("takes a person's answer: it did not", function()
    crash()
    assert(c:settle("pay", false))
    assert.same({ "charged", 2 }, { pay(), calls })
  end)

  it("asks the probe first, with the key", function()
    crash()
    local asked
    assert.same({ "found", 1 }, { pay(function(key) asked = key; return true, "found" end), calls })
    assert.match("/2$", asked)
    c:forget "pay"
    calls = 0
    crash()
    assert.same({ "charged", 2 }, { pay(function() return false end), calls })
    c:forget "pay"
    calls = 0
    crash()
    assert.equal("unknown", select(3, pay(function() end)))
  end)

  it("needs no answer where none is waited for", function()
    assert.equal("not_found", select(3, c:settle("pay", true)))
    c:run("pay", function() end)
    assert.equal("not_found", select(3, c:settle("pay", false)))
    assert.is_false((pcall(c.settle, c, "pay")))
  end)
end)

-- A child with three steps; each notes in a file that it happened. It kills itself
-- with SIGKILL at the place it is told: before the work of a step, after the work and
-- before the record, or after the step.
local child = [[
local path, effects, place, at = table.unpack(arg)
local c = assert(require("checkpoint").open(path))
local function die(here, i)
  if place == here and tonumber(at) == i then os.execute "kill -9 $PPID" end
end
local sum = assert(c:run("work", function(step)
  local sum = 0
  for i = 1, 3 do
    sum = sum + step("step " .. i, function()
      die("before", i)
      local f = assert(io.open(effects, "a"))
      f:write(i, "\n")
      f:close()
      die("within", i)
      return i * 10
    end)
    die("after", i)
  end
  return sum
end))
die("end", 1)
print(sum)
]]

describe("a script that is killed with SIGKILL", function()
  local folder
  before_each(function()
    folder = scratch()
    local f = assert(io.open(folder .. "/child.lua", "w"))
    f:write(child)
    f:close()
  end)
  after_each(function() os.execute("rm -rf " .. folder) end)

  local function start(place, at)
    local pipe = assert(io.popen(("%s lua %s/child.lua %s/work.db %s/effects %s %d 2>/dev/null"):format(program, folder,
      folder, folder, place, at)))
    local said = pipe:read "a"
    local ok, _, status = pipe:close()
    return said, ok and 0 or status
  end

  for at = 1, 3 do
    for place, twice in pairs { before = false, within = true, after = false } do
      it(("%s step %d goes on there: what was recorded is not done again"):format(place, at), function()
        local said, status = start(place, at)
        assert.same({ "", 137 }, { said, status > 128 and status or status + 128 })
        assert.same({ "60\n", 0 }, { start("nowhere", 0) })
        local expected = { "1", "2", "3" }
        if twice then table.insert(expected, at, tostring(at)) end
        assert.same(expected, read_lines(folder .. "/effects"))
        assert.same({ "60\n", 0 }, { start("nowhere", 0) })
        assert.equal(#expected, #read_lines(folder .. "/effects"))
      end)
    end
  end

  it("at each place in turn, again and again, still ends with the right result", function()
    for at = 1, 3 do
      for _, place in ipairs { "before", "within", "after" } do start(place, at) end
    end
    start("end", 1)
    assert.same({ "60\n", 0 }, { start("nowhere", 0) })
    assert.same({ "1", "1", "2", "2", "3", "3" }, read_lines(folder .. "/effects"))
  end)
end)

describe("the example of checkpoint", function()
  it("does each step once and nothing the second time", function()
    local pipe = assert(io.popen(program .. " lua docs/examples/checkpoint.lua"))
    assert.equal("fetching\nbooking Ana\t2\nbooking Rui\t3\nbooked\t8\nbooked\t8\n1\tfetch\n2\tbook Ana\n3\tbook Rui\n"
      .. "0 runs left\n", (pipe:read "a"))
    pipe:close()
  end)
end)
