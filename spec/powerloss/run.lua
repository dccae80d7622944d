--- make powerloss: the power goes at random points, and what was told to be durable is there.
--
--   build/keel lua spec/powerloss/run.lua [--points N] [--seed N] [--rounds N]
--
-- One engine works under a recorder; then the disk loses its power at N points of what it
-- recorded, each time keeping another subset of what no sync had covered. Each picture is
-- opened again: nothing that was acknowledged is missing, nothing is half, the journals are
-- whole, integrity_check is content, and the runs that were open go to their end as if
-- nothing had been.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local disk = require "spec.powerloss.disk"
local engine = require "engine"
local file = require "file"
local json = require "json"
local lab = require "spec.crash.lab"
local program = require "spec.support.program"
local work = require "spec.powerloss.work"

local power = {}

--- The recorder, built when it is not there yet; or nil, why.
function power.recorder()
  local where = (program:match("^(.*)/[^/]*$") or ".") .. "/powerloss-record.so"
  local source = "spec/powerloss/record.c"
  local built = lab.shell(("test %s -nt %s || cc -std=c11 -D_GNU_SOURCE -O1 -shared -fPIC -o %s %s -ldl -lpthread 2>/dev/null")
    :format(lab.quoted(where), source, lab.quoted(where), source))
  if built == 0 then return where end
  return nil, "no C compiler for " .. source
end

local function furnish(home)
  assert(file.mkdir(home .. "/agents"))
  assert(file.write(home .. "/config.lua", work.config))
  assert(file.write(home .. "/agents/works.lua", work.agent))
  assert(file.write(home .. "/agents/hears.lua", work.listener))
end

--- Work under the recorder: the calls, and the folder they speak of.
function power.record(rounds)
  local home, trace = lab.scratch(), os.tmpname()
  furnish(home)
  local code = lab.shell(("env LD_PRELOAD=%s KEEL_RECORD=%s KEEL_RECORD_ROOT=%s ASAN_OPTIONS=verify_asan_link_order=0 %s lua spec/powerloss/work.lua %s %d")
    :format(lab.quoted(assert(power.recorder())), lab.quoted(trace), lab.quoted(home), lab.quoted(program), lab.quoted(home), rounds))
  assert(code == 0, "the work ended with " .. code)
  local calls = disk.trace(trace)
  os.remove(trace)
  lab.remove(home)
  return calls, home
end

--- Dice of their own, so that nobody else's throws change what is lost.
function power.dice(seed)
  local state = seed * 0x9E3779B97F4A7C15 + 0x1234567
  return function(from, to)
    if not to then from, to = 1, from end
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return from + (state >> 1) % (to - from + 1)
  end
end

-- ---- is the promise kept? -----------------------------------------------------------------

local function outbox_lines(home)
  local count, text = {}, file.read(home .. "/var/outbox.jsonl") or ""
  local half = false
  for line, ending in text:gmatch("([^\n]*)(\n?)") do
    local row = ending == "\n" and json.decode(line)
    if row and row.key then count[row.key] = (count[row.key] or 0) + 1
    elseif line ~= "" then half = line end
  end
  return count, half
end

--- Before anybody goes on: what is in the store as it was found.
local function check_found(e, home, told, complain)
  for _, row in ipairs(e.store:read("check.integrity", {})) do
    if row.result ~= "ok" then complain("integrity_check: %s", row.result) end
  end
  local runs, rounds = {}, {}
  for _, run in ipairs(e:list { limit = 100000 }) do
    if run.agent == "works" then runs[run.key] = run end
    local records, err = e:journal(assert(e:run_row(run.run)))
    if not records then
      complain("the journal of %s: %s", run.key, err.message)
    else
      for _, record in ipairs(records) do
        if record.kind == "result" and type(record.value) == "table" and record.value.sent then told.sent[record.value.key] = true end
      end
    end
  end
  for id in pairs(told.begun) do
    if not runs[id] then complain("run %s was acknowledged and is not there", id) end
  end
  for id, output in pairs(told.done) do
    local run = runs[id]
    if run and (run.state ~= "done" or json.encode(run.output) ~= json.encode(output)) then
      complain("run %s was done and is %s", id, run.state)
    end
  end
  for id in pairs(told.events) do
    if not e.store:read("event.by_key", { type = "nobody.listens", key = id })[1] then complain("event %s is not there", id) end
  end
  for _, row in ipairs(e.store:read("record.find", { type = "stamp", limit = 10 })) do rounds[#rounds + 1] = row.value.round end
  if #rounds ~= 0 and #rounds ~= 3 or rounds[1] ~= rounds[2] or rounds[2] ~= rounds[3] then
    complain("a transaction is half there: %s", table.concat(rounds, ", "))
  elseif (rounds[1] or 0) < told.stamp then
    complain("stamp %d was acknowledged, %d is there", told.stamp, rounds[1] or 0)
  end
  local lines = outbox_lines(home)
  for key in pairs(told.sent) do
    if not lines[key] then complain("the journal says that %s was sent, the outbox does not", key) end
  end
  local stage = {}
  for _, row in ipairs(e.store:read("record.find", { type = "stage", limit = 100000 })) do stage[row.key] = row.value.n end
  for key in pairs(lines) do
    local id, n = key:match("^(.-)/(%d+)$")
    if (stage[id] or 0) < tonumber(n) then complain("%s was sent, its cause is not in the store", key) end
  end
end

--- After what was open went on.
local function check_end(e, home, complain)
  local lines, half = outbox_lines(home)
  if half then complain("half a line in the outbox: %s", half) end
  local heard, remembered = {}, {}
  for _, row in ipairs(e.store:read("record.find", { type = "heard", limit = 100000 })) do heard[row.key] = true end
  for text in e:memory():export() do remembered[json.decode(text).key] = true end
  for _, run in ipairs(e:list { agent = "works", limit = 100000 }) do
    if run.state ~= "done" then complain("run %s ended as %s: %s", run.key, run.state, json.encode(run.error or json.null)) end
    for n = 1, 3 do
      local count = lines[run.key .. "/" .. n] or 0
      if count ~= 1 then complain("%s/%d is %d times in the outbox", run.key, n, count) end
    end
    if not heard[run.key] then complain("nobody heard of %s", run.key) end
    if not remembered[run.key] then complain("%s is not remembered", run.key) end
  end
end

--- What was acknowledged, from the texts.
local function told_by(acks)
  local told = { begun = {}, done = {}, events = {}, sent = {}, stamp = 0, life = 0 }
  for _, text in ipairs(acks) do
    local one = json.decode(text)
    if one.begun then told.begun[one.begun] = true end
    if one.done then told.done[one.done] = one.output end
    if one.event then told.events[one.event] = true end
    told.stamp = math.max(told.stamp, one.stamp or 0)
    told.life = math.max(told.life, one.life or 0)
  end
  return told
end

--- Open a picture of a disk and look: a list of complaints.
function power.judge(picture, root, acks)
  local list = {}
  local function complain(text, ...) list[#list + 1] = text:format(...) end
  local home, told = lab.scratch(), told_by(acks)
  furnish(home)
  local paths = {}
  for path in pairs(picture) do paths[#paths + 1] = path end
  table.sort(paths)
  for _, path in ipairs(paths) do
    local mine, what = home .. path:sub(#root + 1), picture[path]
    if type(what) == "table" then assert(file.mkdir(mine))
    else
      local f = assert(io.open(mine, "wb"))
      f:write(what)
      f:close()
    end
  end
  if told.life > 0 and not picture[root .. "/var/keel.db"] then complain("the store is not there") end
  local ok, message = xpcall(function()
    local made, err
    if picture[root .. "/var/keel.db"] and #picture[root .. "/var/keel.db"] > 0 then
      -- as it was found: a copy, since to look is to bring the log into order
      made = lab.scratch()
      os.execute(("cp -r %s %s"):format(lab.quoted(home), lab.quoted(made)))
      local found
      found, err = engine.look { home = made }
      if found then
        check_found(found, home, told, complain)
        found:close()
      elseif told.life > 0 then
        complain("it cannot be looked at: %s", err.message)
      end
      lab.remove(made)
    end
    local e
    e, err = engine.open { home = home, on_fault = function(text) complain("fault: %s", text) end }
    if not e then return complain("it cannot be opened: %s", err.message) end
    local went, why = e:drain()
    if not went then complain("it does not go on: %s", tostring(why.message)) end
    check_end(e, home, complain)
    e:close()
  end, debug.traceback)
  if not ok then complain("%s", tostring(message)) end
  if #list == 0 then lab.remove(home) else list.home = home end
  return list
end

--- The power goes at `points` points. Calls each(point, complaints, what). `seed` decides
--- everything but what the threads of the work did.
function power.play(calls, root, points, seed, each)
  local dice = power.dice(seed)
  local at = {}
  for i = 1, points do at[i] = dice(#calls) end
  table.sort(at)
  local d, played = disk.new(root), 0
  for i = 1, points do
    while played < at[i] do
      played = played + 1
      d:play(calls[played])
    end
    each(at[i], power.judge(d:lose(dice), root, d.acks), calls[at[i]].op)
  end
end

function power.main(options)
  local began = clock.mono_us()
  local calls, root = power.record(options.rounds)
  local ops, bytes, words = {}, 0, { W = "writes", S = "syncs", A = "acknowledgements", D = "syncs of a folder" }
  for _, call in ipairs(calls) do
    ops[call.op] = (ops[call.op] or 0) + 1
    bytes = bytes + #(call.data or "")
  end
  io.write(("seed %d: %d calls recorded"):format(options.seed, #calls))
  for _, op in ipairs { "W", "S", "D", "A" } do io.write((", %d %s"):format(ops[op] or 0, words[op])) end
  io.write((", %.1f MB written\n"):format(bytes / 1e6))
  local passed, failed, done = 0, 0, 0
  power.play(calls, root, options.points, options.seed, function(point, complaints)
    done = done + 1
    if #complaints == 0 then passed = passed + 1 else
      failed = failed + 1
      if failed <= 10 then
        io.write(("FAILED at call %d of %d (kept: %s)\n"):format(point, #calls, complaints.home))
        for i = 1, math.min(#complaints, 6) do io.write("  ", complaints[i], "\n") end
      end
    end
    if done % 500 == 0 then io.write(("  %d points, %.0f s\n"):format(done, (clock.mono_us() - began) / 1e6)) end
    io.flush()
  end)
  io.write(("power lost at %d points in %.0f s\n%d passed, %d failed\n"):format(options.points,
    (clock.mono_us() - began) / 1e6, passed, failed))
  return failed == 0
end

if arg and arg[0] and arg[0]:find("powerloss/run%.lua$") then
  local options = { points = 2000, seed = os.time(), rounds = 12 }
  for i = 1, #arg, 2 do options[arg[i]:match("^%-%-(.+)$")] = math.tointeger(tonumber(arg[i + 1])) end
  if not power.main(options) then error({ message = "the power took something along that was promised" }) end
end

return power
