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

describe("deaths that were written down", function()
  local h
  after_each(function() h:remove() end)

  local function with(agents)
    h = homes.make { agents = agents }
    return h:open()
  end

  local function drain(e) assert(e:drain()) end

  --- The engine died in these runs, as the engine after it writes it, and is opened again.
  -- `deaths`: { run = ID, at = ms ago, outside, alone_ms, tail } each.
  local function die(deaths)
    local e = h.engine
    local tx = e.store:tx()
    for i, death in ipairs(deaths) do
      local row = e:run_row(death.run)
      local at = h.now - (death.ago or 0) - #deaths + i
      tx:add("death.put", { run = row.id, at = at, value_codec = { at = at, cause = death.cause or "signal 11",
        outside = death.outside or false, slices = death.slices or 0, only = death.only or false,
        tail = death.tail or row.tail } })
    end
    assert(e:commit(tx))
    return h:reopen()
  end

  local function state(run) return h.engine:describe(run).state end
  local function deaths_known() return #h.engine:rows("death.list", {}) end

  local nap_hour = homes.agent 'ctx.step{ name = "first", run = function() return 1 end } ctx.sleep("1h") return "awake"'

  it("park a run, and whatever it waits for is there when its owner lets it go", function()
    with { nap = nap_hour }
    local run = h:run("nap").run
    local e = die { { run = run }, { run = run } }
    drain(e)
    assert.equal("quarantined", state(run))
    assert.matches("died twice while it executed this run %(signal 11 at", e:describe(run).error.message)
    assert.same({ 0, h.now + 3600000 }, { deaths_known(), e:rows("timer.next", { after = 0 })[1].due })
    h.now = h.now + 3600001
    e:fire()
    drain(e)
    e = h:reopen()
    drain(e)
    assert.equal("quarantined", state(run))
    assert.same({ scope = "run:" .. run, runs = 1 }, e:resume({ run = run }, {}))
    drain(e)
    local told = e:describe(run)
    assert.same({ "done", "awake", 2 }, { told.state, told.output, told.steps })
    assert.is_true(e:replay(run).equal)
  end)

  it("park a run whose journal is packed meanwhile, and is read all the same", function()
    with { nap = homes.agent 'for i = 1, 30 do ctx.step{ name = "s", run = function() return i end } end ctx.sleep("1h") return 1' }
    local run = h:run("nap").run
    local e = die { { run = run }, { run = run } }
    h.now = h.now + 30 * 86400000
    assert(e:gc())
    assert.is_true(e:store_stats().packed.records > 0)
    assert(e:resume({ run = run }, {}))
    drain(e)
    assert.same({ "done", 1 }, { state(run), e:describe(run).output })
    assert.is_true(e:replay(run).equal)
  end)

  it("leave a timer that is not due alone when it is let go", function()
    with { nap = nap_hour }
    local run = h:run("nap").run
    local e = die { { run = run }, { run = run } }
    assert(e:resume({ run = run }, {}))
    drain(e)
    assert.equal("waiting", state(run))
    h.now = h.now + 3600001
    drain(e)
    assert.equal("done", state(run))
  end)

  it("keep decisions and events that come meanwhile", function()
    with { ask = homes.agent 'return ctx.approve{ subject = "s", proposal = 1 }.outcome',
      wait = homes.agent 'return ctx.wait{ event = "paid", where = { id = 7 } }.payload.n' }
    local ask, wait = h:run("ask").run, h:run("wait").run
    local e = die { { run = ask }, { run = ask }, { run = wait }, { run = wait } }
    drain(e)
    assert.same({ "quarantined", "quarantined" }, { state(ask), state(wait) })
    assert(e:decide(e:inbox()[1].id, { state = "approved" }))
    assert(e:emit("paid", { id = 7, n = 3 }))
    drain(e)
    e = h:reopen()
    drain(e)
    assert.same({ "quarantined", "quarantined" }, { state(ask), state(wait) })
    for _, run in ipairs { ask, wait } do assert(e:resume({ run = run }, {})) end
    drain(e)
    assert.same({ "approved", 3 }, { e:describe(ask).output, e:describe(wait).output })
  end)

  it("find two culprits that take turns", function()
    with { nap = nap_hour }
    local one, two, three = h:run("nap").run, h:run("nap").run, h:run("nap").run
    die { { run = one }, { run = two }, { run = three }, { run = one }, { run = two } }
    assert.same({ "quarantined", "quarantined", "waiting" }, { state(one), state(two), state(three) })
    assert.equal(1, deaths_known())
  end)

  it("blame nobody who was met by kills from outside in passing", function()
    with { nap = nap_hour }
    local run, busy = h:run("nap").run, h:run("nap").run
    die { { run = run, outside = true }, { run = run, outside = true, slices = 3 },
      { run = run, outside = true }, { run = busy, outside = true }, { run = busy, outside = true, slices = 150 } }
    assert.same({ "waiting", "quarantined" }, { state(run), state(busy) })
  end)

  it("blame one with which three engines came no further, and to nobody else", function()
    with { nap = nap_hour }
    local stuck, went_on, among = h:run("nap").run, h:run("nap").run, h:run("nap").run
    local function kill(run, fields)
      fields.run, fields.outside = run, true
      if fields.only == nil then fields.only = true end
      return fields
    end
    die { kill(stuck, {}), kill(stuck, {}), kill(went_on, {}), kill(went_on, { tail = 1 }), kill(went_on, {}),
      kill(among, {}), kill(among, { only = false }), kill(among, {}) }
    assert.same({ "waiting", "waiting", "waiting" }, { state(stuck), state(went_on), state(among) })
    local e = die { kill(stuck, {}) }
    assert.same({ "quarantined", "waiting", "waiting" }, { state(stuck), state(went_on), state(among) })
    assert.matches("the engine died 3 times", e:describe(stuck).error.message)
  end)

  it("are forgotten after ten minutes, and when the run gets through", function()
    with { nap = nap_hour, fine = homes.agent "return 1" }
    local late, waits = h:run("nap").run, h:run("nap").run
    local over = h:run("fine").run
    local e = die { { run = late, ago = 600100 }, { run = late }, { run = waits }, { run = over }, { run = over } }
    drain(e)
    assert.same({ "waiting", "waiting", "done" }, { state(late), state(waits), state(over) })
    assert.equal(3, deaths_known()) -- those of the run that is over are gone
    for _, run in ipairs { late, waits } do e:wake(e:run_row(run).id) end
    drain(e)
    assert.equal(0, deaths_known())
    e = die { { run = waits } }
    drain(e)
    assert.equal("waiting", state(waits))
  end)

  it("tell whoever called the run, and free its place", function()
    with { child = homes.agent('ctx.sleep("1h") return 5', "concurrency = 1,"),
      parent = homes.agent 'local v, err = ctx.call("child", {}) return { v = v, code = err and err.code }' }
    local parent = h:run("parent").run
    local child = h.engine:list { agent = "child" }[1].run
    local e = die { { run = child }, { run = child } }
    drain(e)
    assert.same({ "done", "quarantined" }, { state(parent), e:describe(parent).output.code })
    local second = e:start("child", {})
    drain(e)
    assert.equal("waiting", state(second.run))
    assert(e:resume({ run = child }, {}))
    drain(e)
    h.now = h.now + 3600001
    drain(e)
    assert.same({ "done", "done" }, { state(child), state(second.run) })
  end)

  it("park a caller, and what it called goes on: the result is there when its owner lets it go", function()
    with { child = homes.agent 'ctx.sleep("1h") return 5',
      parent = homes.agent 'local v, err = ctx.call("child", {}) return { v = v, code = err and err.code }' }
    local parent = h:run("parent").run
    local child = h.engine:list { agent = "child" }[1].run
    local e = die { { run = parent }, { run = parent } }
    drain(e)
    h.now = h.now + 3600001
    drain(e)
    assert.same({ "quarantined", "done" }, { state(parent), state(child) })
    e = h:reopen()
    drain(e)
    assert(e:resume({ run = parent }, {}))
    drain(e)
    assert.same({ "done", { v = 5 } }, { state(parent), e:describe(parent).output })
    assert.is_true(e:replay(parent).equal)
  end)

  it("park a caller, and what it called ends with it when its owner gives it up", function()
    with { child = homes.agent 'ctx.sleep("1h") return 5', parent = homes.agent 'return ctx.call("child", {})' }
    local parent = h:run("parent").run
    local child = h.engine:list { agent = "child" }[1].run
    local e = die { { run = parent }, { run = parent } }
    assert(e:cancel(parent, {}))
    drain(e)
    assert.same({ "cancelled", "cancelled" }, { state(parent), state(child) })
  end)

  it("end by the owner's word without executing or undoing anything", function()
    with { pay = homes.agent [[
      ctx.step{ name = "pay", run = function() return 1 end, undo = function() ctx.records.put{ type = "undone", key = "k", value = {} } end }
      ctx.sleep("1h")]] }
    local run = h:run("pay").run
    local e = die { { run = run }, { run = run } }
    local _, refused = e:pause({ run = run }, {})
    assert.same({ "K7003", "keel resume " .. run }, { refused.number, refused.next })
    assert(e:cancel(run, { note = "no more" }))
    drain(e)
    assert.equal("cancelled", state(run))
    assert.matches("nothing was undone", e:describe(run).error.message)
    assert.equal(0, #e:records("undone"))
    assert.is_nil(e:rows("timer.next", { after = 0 })[1].due)
    local _, again = e:resume({ run = run }, {})
    assert.equal("K1042", again.number)
    local trail = {}
    for _, row in ipairs(e:rows("audit.list", { limit = 2 })) do trail[#trail + 1] = row.what end
    assert.same({ "cancel", "quarantine" }, trail)
  end)

  it("undo what it did when it is let go and then given up", function()
    with { pay = homes.agent [[
      ctx.step{ name = "pay", run = function() return 1 end, undo = function() ctx.records.put{ type = "undone", key = "k", value = {} } end }
      ctx.sleep("1h")]] }
    local run = h:run("pay").run
    local e = die { { run = run }, { run = run } }
    assert(e:resume({ run = run }, {}))
    drain(e)
    assert(e:cancel(run, {}))
    drain(e)
    assert.same({ "cancelled", 1 }, { state(run), #e:records("undone") })
  end)
end)

describe("a run in which the engine dies", function()
  local home, served

  local function serve(agents, words, env)
    home = homes.make { agents = agents }
    served = assert(server.start(home, words, env))
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
  local function kill_until(signal, text, times)
    for _ = 1, 10 do
      local pid = served:now().pid
      server.eventually(function() return cpu(pid) > 40 end, "work")
      kill(signal)
      if count(text) >= (times or 1) then return end
    end
    error("nobody said: " .. text .. "\n" .. served:messages())
  end

  local function kill_twice(run, first, second, times)
    kill_until(first, "once more, and the run is put in quarantine", times)
    assert.equal("running", show(run).state)
    kill_until(second, "is in quarantine:", times)
    assert.equal("quarantined", show(run).state)
  end

  it("is parked after the second time, with the reason, and all others go on", function()
    serve { busy = busy, quick = quick, nap = nap }
    local sleeper = served:json("run nap --input -", '{"time":"1s"}').run
    local run = begin_busy()
    kill_twice(run, "KILL", "ABRT")
    served:said(("run %s of busy is in quarantine"):format(run))
    local shown, code = served:json("show " .. run)
    assert.same({ "quarantined", "K7003", 0 }, { shown.state, shown.error.number, code })
    assert.matches("the engine died twice while it executed this run %(signal 9 at 2%S+Z; signal 6 at 2%S+Z%), "
      .. "behind step 1 %(begin%)", shown.error.message)
    assert.equal("keel resume " .. run, shown.error.next)
    assert.same({ 2, "signal 9", "signal 6" }, { #shown.error.deaths, shown.error.deaths[1].cause, shown.error.deaths[2].cause })
    assert.matches("^2%d+%-%d%d%-%d%dT.*Z$", shown.error.deaths[1].at)
    assert.equal("done", served:json("run quick").state)
    server.eventually(function() return show(sleeper).state == "done" end, "the sleeper")
    local list = served:json("runs --state quarantined")
    assert.same({ 1, run }, { #list, list[1].run })
    kill "KILL" -- nobody is executing: nobody's fault
    assert.equal("done", served:json("run quick").state)
    assert.equal(1, count("is in quarantine:"))
    assert.equal(1, #served:json("runs --state quarantined"))
  end)

  it("counts when the engine is held by a signal, which is noticed at once", function()
    serve({ busy = busy, quick = quick }, "--listen off --stall 60000") -- silence alone would take a minute
    local run = begin_busy()
    kill_twice(run, "STOP", "STOP")
    assert.matches("it was stopped by a signal at", show(run).error.message)
    assert.equal("done", served:json("run quick").state)
  end)

  it("goes on by keel resume, with its count cleared, and ends by keel cancel", function()
    serve { busy = busy, nap = nap }
    local run = begin_busy()
    kill_twice(run, "ABRT", "KILL")
    local answer, code = served:json("resume " .. run)
    assert.same({ 1, 0 }, { answer.runs, code })
    assert.equal("running", show(run).state)
    kill_twice(run, "KILL", "SEGV", 2)
    answer, code = served:json("cancel " .. run)
    assert.same({ "cancelled", 0 }, { answer.state, code })
    local refused
    refused, code = served:json("resume " .. run)
    assert.same({ "K1042", 2 }, { refused.error.number, code })
    assert.equal("[]", (served:keel("runs --state quarantined --json"):gsub("%s", "")))
  end)

  it("is nobody's when nobody is executed, nor when the engine is told to stop", function()
    serve { nap = nap, busy = busy }
    local sleeper = served:json("run nap").run
    for _ = 1, 3 do kill "KILL" end
    local run = begin_busy()
    for _ = 1, 3 do
      server.eventually(function() return cpu(served:now().pid) > 40 end, "work")
      assert.equal(0, served:stop("TERM"))
      served = assert(server.start(home))
    end
    assert.same({ "waiting", "running" }, { show(sleeper).state, show(run).state })
    assert.equal(0, count("the engine died while it executed"))
  end)

  it("is found by the place where the engine dies, inside of what it does for the run", function()
    -- dies whenever a timer of a run is due, before anything of it is executed
    serve({ nap = nap, quick = quick }, nil, "KEEL_CRASH=timer:1")
    local one, two = "nap --input - --json", '{"time":"50ms"}'
    served:keel("run " .. one, two)
    served:said("is in quarantine:")
    local list = served:json("runs --agent nap")
    assert.same({ 1, "quarantined" }, { #list, list[1].state })
    assert.equal(3, count("the engine died (signal 9)"))
    assert.equal("done", served:json("run quick").state)
  end)

  it("is blamed once for each death, which the store remembers without the supervisor", function()
    -- dies behind writing a death down, before the supervisor hears of it
    serve({ busy = busy, quick = quick }, nil, "KEEL_CRASH=deaths_noted:1")
    local run = begin_busy()
    server.eventually(function() return cpu(served:now().pid) > 40 end, "work")
    for _ = 1, 20 do
      if count("the engine died") >= 4 then break end
      local pid = served:now().pid
      server.kill(pid, "KILL")
      -- one that was at rest comes back; one that was met in the run dies again and again
      server.eventually(function() return served:now().pid ~= pid or count("the engine died") >= 4 end, "another one")
    end
    served:stop("KILL")
    served.pipe = nil
    served = assert(server.start(home))
    assert.equal("running", show(run).state)
    kill_until("KILL", "is in quarantine:")
    assert.same({ 2, "quarantined" }, { #show(run).error.deaths, show(run).state })
  end)

  it("keeps commands waiting while there is no engine, instead of refusing them", function()
    serve({ quick = quick }, "--listen 127.0.0.1:0")
    local listen = served.paper.listen
    for _ = 1, 3 do
      local pid = served:now().pid
      server.kill(pid, "KILL")
      assert.equal("done", served:json("run quick").state)
      server.eventually(function() return served:now().pid ~= pid end, "another engine")
      assert.equal(listen, served:now().listen)
    end
  end)

  it("is known from a script that does not give the engine back", function()
    -- what a script logs is told inside of its stretch: here the one who is told never returns
    home = homes.make { agents = { spins = homes.agent 'ctx.log("now") return 1' } }
    local script = home.path .. "/spin.lua"
    assert(file.write(script, ([[
      local supervise = require "core.supervise"
      local role = supervise.run { stall_ms = 60000, busy_ms = 100 }
      if role ~= "child" then os.exit(role) end
      local history = supervise.history()
      if history.restarts > 0 then
        print(history.cause, #history.deaths, history.deaths[1].outside)
        supervise.heard(1)
        print(#supervise.history().deaths)
        os.exit(0)
      end
      local e = require("engine").open { home = %q, on_log = function() while true do end end }
      e:start("spins", {})
      supervise.ready()
      e:drain()]]):format(home.path)))
    local pipe = io.popen(("timeout -s KILL 60 %s lua %s 2>&1"):format(require "spec.support.program", script))
    local said = pipe:read("a")
    pipe:close()
    assert.matches("a script does not give the engine back; it is killed", said)
    assert.matches("a script did not give it back\t1\tfalse\n0\n", said)
  end)
end)
