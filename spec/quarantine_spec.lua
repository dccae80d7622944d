-- The engine dies, or stands still, in a run: it is back, and after the second time that run
-- is in quarantine while all others go on (promise 7).
local file = require "file"
local homes = require "spec.support.home"
local server = require "spec.support.server"
local supervise = require "core.supervise"

describe("the judgement about a heart", function()
  local limits = { silent = 5000, start = 8000, busy = 400, stopped = 300, absent = 1000 }

  --- What is said of looks that are `ms` apart; fields that are missing are those of the look before.
  local function judged(ms, looks)
    local last, now = { ready = true, beat = 0, pulse = 0 }, 10000
    for i, look in ipairs(looks) do
      local full = {}
      for key, value in pairs(last) do full[key] = value end
      for key, value in pairs(look) do full[key] = value end
      full.now = look.now or now
      if look.beats then full.beat = full.now end
      now, last, looks[i] = full.now + ms, full, full
    end
    return supervise.judge(looks, limits)
  end

  it("leaves one alone that beats, however much it works", function()
    local looks = {}
    for i = 1, 100 do looks[i] = { beats = true, pulse = 2 * i + 1, cpu = 100 * i } end
    for _, word in ipairs(judged(100, looks)) do assert.equal("beats", word) end
  end)

  it("waits long for one that is silent, while no script has it", function()
    assert.same({ "beats", "beats", "beats", "silent" },
      judged(1000, { { now = 10000, beat = 7000, cpu = 0 }, { cpu = 900 }, { cpu = 1800 }, { cpu = 2700 } }))
  end)

  it("is more patient with one that is not ready yet", function()
    local looks = { { ready = false, beat = 10000, now = 10000 } }
    for i = 2, 10 do looks[i] = {} end
    local words = judged(900, looks)
    assert.equal("beats", words[9])
    assert.equal("late", words[10])
  end)

  it("does not wait for a stretch of a script that uses CPU and does not come back", function()
    assert.same({ "beats", "beats", "beats", "beats", "beats", "busy" }, judged(100, {
      { beats = true, pulse = 7, cpu = 5000 }, { cpu = 5100 }, { cpu = 5200 }, { cpu = 5300 }, { cpu = 5400 }, { cpu = 5401 } }))
  end)

  it("does not take a busy machine for a stretch that hangs", function()
    local looks = {}
    for i = 1, 40 do looks[i] = { beat = 10000, pulse = 7, cpu = 5000 + i } end -- it gets 1 % of a core
    for _, word in ipairs(judged(100, looks)) do assert.equal("beats", word) end
  end)

  it("begins anew with every stretch, and outside of them", function()
    assert.same({ "beats", "beats", "beats", "beats", "beats" }, judged(100, { { beats = true, pulse = 7, cpu = 0 },
      { pulse = 9, cpu = 5000 }, { pulse = 10, cpu = 9000 }, { pulse = 10, cpu = 12000 }, { pulse = 11, cpu = 15000 } }))
  end)

  it("judges by the beats alone where nobody tells the CPU", function()
    assert.same({ "beats", "beats", "silent" }, judged(900, { { beats = true, pulse = 7 }, {}, { beat = 6000 } }))
  end)

  it("knows one that is stopped by a signal, and one that went on", function()
    assert.same({ "beats", "beats", "beats", "stopped" },
      judged(100, { { beats = true, stopped = true }, { stopped = true }, { stopped = true }, { stopped = true } }))
    assert.same({ "beats", "beats", "beats", "beats" },
      judged(200, { { beats = true, stopped = true }, { stopped = true }, { stopped = false }, { stopped = true } }))
  end)

  it("forgives the time in which it did not look itself", function()
    local looks = { { beats = true, now = 10000 }, { now = 90000 } }
    for i = 3, 8 do looks[i] = {} end
    local words = judged(900, looks)
    assert.equal("beats", words[2])
    assert.equal("beats", words[7]) -- 4500 ms after it was back
    assert.equal("silent", words[8])
  end)
end)

--- Works for hours, between two steps.
local busy = [[
return agent { version = 1, concurrency = 2, caps = { instructions = 100000000000000, wall = "10h" },
  on = { event = "file.created" }, run = function(ctx, input)
    local first = ctx.step{ name = "begin", run = function() return 1 end }
    local n = 0
    while n < 1e15 do n = n + 1 end
    return n
  end }]]

local nap = [[
return agent { version = 1, concurrency = 4, run = function(ctx, input)
  ctx.sleep(input.time or "1h")
  return "awake"
end }]]

local quick = [[
return agent { version = 1, concurrency = 4, run = function(ctx, input)
  return ctx.step{ name = "one", run = function() return input.n end }
end }]]

describe("a run in which the engine dies", function()
  local home, served

  local function serve(agents, words)
    home = homes.make { agents = agents }
    served = assert(server.start(home, words))
  end

  after_each(function()
    if served then served:stop("KILL") end
    if home then home:remove() end
    home, served = nil, nil
  end)

  local function show(run) return (served:json("show " .. run)) end

  --- Until a run of the agent is at work behind its first step; its id.
  local function at_work(agent)
    local run
    server.eventually(function()
      local list = served:json("runs --agent " .. agent)
      run = list[1] and list[1].run
      return run and #show(run).log > 0
    end, "a run of " .. agent .. " at work")
    return run
  end

  local function begin_busy()
    home:write("inbox/notes/a.md", "a")
    return at_work "busy"
  end

  --- End the engine by a signal; returns once another is there.
  local function kill(signal)
    local pid = served:now().pid
    server.kill(pid, signal)
    server.eventually(function()
      local now = served:now().pid
      return now and now ~= pid and served:messages():find(("back (process %d)"):format(now), 1, true)
    end, "another engine")
  end

  local function count(text)
    return select(2, served:messages():gsub(text:gsub("%p", "%%%0"), ""))
  end

  --- CPU that the engine has used, in hundredths of a second.
  local function cpu(pid)
    local text = file.read(("/proc/%d/stat"):format(pid))
    local user, system = (text or ""):match("%) %S+" .. (" %S+"):rep(10) .. " (%d+) (%d+)")
    return user and math.tointeger(user) + math.tointeger(system) or 0
  end

  --- The engine dies by a signal while a run is executed: so often that it meets it, for in
  --- between the engine has the thread for itself.
  local function kill_until(signal, text)
    for _ = 1, 10 do
      local pid = served:now().pid
      server.eventually(function() return cpu(pid) > 40 end, "work")
      kill(signal)
      if served:messages():find(text, 1, true) then return end
    end
    error("nobody said: " .. text .. "\n" .. served:messages())
  end

  local function kill_twice(run, first, second)
    kill_until(first, "once more, and the run is put in quarantine")
    assert.equal("running", show(run).state)
    kill_until(second, "is in quarantine:")
  end

  it("is parked after the second time, with the reason, and all others go on", function()
    serve { busy = busy, quick = quick, nap = nap }
    local sleeper = served:json("run nap --input -", '{"time":"1s"}').run
    local run = begin_busy()
    kill_twice(run, "KILL", "SEGV")
    served:said(("run %s of busy is in quarantine"):format(run))
    local shown, code = served:json("show " .. run)
    assert.same({ "quarantined", "K7003", 0 }, { shown.state, shown.error.number, code })
    assert.matches("the engine died twice while it executed this run %(signal 9 at 2%S+Z; signal 11 at 2%S+Z%), "
      .. "behind step 1 %(begin%)", shown.error.message)
    assert.equal("keel resume " .. run, shown.error.next)
    assert.equal("done", served:json("run quick").state)
    server.eventually(function() return show(sleeper).state == "done" end, "the sleeper")
    local list = served:json("runs --state quarantined")
    assert.same({ 1, run }, { #list, list[1].run })
    kill "KILL" -- nobody is executing: nobody's fault
    assert.equal("done", served:json("run quick").state)
    assert.equal(1, count("is in quarantine:"))
    assert.equal(1, #served:json("runs --state quarantined"))
  end)
end)
