--- make diskfull: no room, failing writes and failing syncs under a served engine.
--
--   build/keel lua spec/crash/diskfull.lua [--stride N] [--seed N] [--jobs N] [--only KIND]
--
-- An engine is served on a disk (spec/crash/fault.c) that from its nth call on has no room
-- (`full`), fails (`io`) or fails to sync (`sync`), or is full and the engine is killed on top
-- (`killed`): for every `stride`th n between the start
-- of serving and the end of the work. Events are published until one is refused. Then:
--   - every further one is refused, with an error of its own and exit code 9;
--   - runs and inbox are read, from the engine's socket and by another process;
--   - the disk gets well, and without anybody's help the same engine goes on;
--   - what was accepted is done once, what was refused is done once when it is sent again,
--     the store is whole and the journals replay equal.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local engine = require "engine"
local file = require "file"
local json = require "json"
local lab = require "spec.crash.lab"
local loop = require "loop"
local program = require "spec.support.program"

local full = {}

local agent = [[
return agent { version = 1, about = "does an order", on = { event = "order.placed", key = "id" }, uses = { "mail" },
  run = function(ctx, order)
    ctx.records.put{ type = "order", key = order.id, value = { n = 1 } }
    ctx.skill.mail{ op = "send", key = order.id }
    ctx.records.put{ type = "order", key = order.id, value = { n = 2 } }
    return order.id
  end }]]

local function scratch()
  local home = lab.scratch()
  for _, folder in ipairs { "agents", "var" } do assert(file.mkdir(home .. "/" .. folder)) end
  assert(file.write(home .. "/config.lua", 'return { zone = "UTC", adapters = { mail = "outbox" } }'))
  assert(file.write(home .. "/agents/orders.lua", agent))
  return home
end

-- ---- a served engine on a bad disk -----------------------------------------------------

local served = {}
served.__index = served

--- Serve; `fault` is "kind:n" or nil. Returns it, or nil and what it said when it ended
--- before it was ready.
local function serve(home, fault, count)
  local self = setmetatable({ home = home, well = home .. "/well" }, served)
  self.pipe = assert(io.popen(("echo $$; exec env LD_PRELOAD=%s ASAN_OPTIONS=verify_asan_link_order=0 KEEL_FAULT=%s KEEL_FAULT_FROM=%s KEEL_FAULT_END=%s KEEL_FAULT_COUNT=%s timeout -s KILL 60 %s serve --home %s --listen off </dev/null 2>>%s")
    :format(lab.quoted(assert(lab.shim())), fault or "", lab.quoted(home .. "/bad"), lab.quoted(self.well), lab.quoted(count or ""), lab.quoted(program),
      lab.quoted(home), lab.quoted(home .. "/serve.log"))))
  self.pid = math.tointeger(tonumber(self.pipe:read("l")))
  local line = self.pipe:read("l")
  self.paper = line and json.decode(line)
  if self.paper then return self end
  self.pipe:close()
  return nil, file.read(home .. "/serve.log") or ""
end

function served:stop()
  os.execute(("kill -TERM %d 2>/dev/null"):format(self.paper.supervisor_pid))
  self.pipe:close()
end

--- The process that is the engine now.
function served:engine_pid()
  local text = file.read(self.home .. "/var/engine.json")
  return text and (json.decode(text) or {}).pid
end

--- Words for the engine through its socket: { code, out }; code is nil when nobody answers in time.
function served:ask(words)
  local answer, over = { out = {} }, false
  local conn = require("core.socket").connect(self.home .. "/var/engine.sock", 1 << 22, {
    line = function(_, line)
      local said = json.decode(line) or {}
      if said.out then table.insert(answer.out, said.out) end
      if said.code then answer.code, over = math.tointeger(said.code), true end
    end,
    closed = function() over = true end })
  if not conn then return answer end
  conn:send(json.encode { argv = words, cwd = "/", json = true })
  local alarm = loop.timer(5000, function() over = true end)
  while not over do loop.turn(true) end
  alarm:stop()
  conn:close()
  answer.value = json.decode(table.concat(answer.out))
  return answer
end

function served:emit(id)
  return self:ask { "emit", "order.placed", json.encode { id = id }, "--key", id, "--json" }
end

-- ---- one disk ------------------------------------------------------------------------------

local orders = 4

--- The disk calls that an undisturbed service makes: from when it is ready, and in all.
function full.calls()
  local home, count = scratch(), os.tmpname()
  local s = assert(serve(home, nil, count))
  for n = 1, orders do assert(s:emit("o" .. n).code == 0) end
  s:stop()
  local calls = math.tointeger(tonumber(file.read(count)))
  os.remove(count)
  lab.remove(home)
  return calls
end

local refusals = { K9002 = true, K9005 = true, K9006 = true }

local function number_of(answer)
  return type(answer.value) == "table" and answer.value.error and answer.value.error.number
end

--- What is read while nothing can be written.
local function check_reading(s, accepted, complain)
  local runs = s:ask { "runs", "--json" }
  if runs.code ~= 0 or type(runs.value) ~= "table" then
    complain("runs through the socket: code %s, %s", tostring(runs.code), table.concat(runs.out))
  elseif #runs.value < accepted then
    complain("%d were accepted, %d are shown", accepted, #runs.value)
  end
  if s:ask({ "inbox", "--json" }).code ~= 0 then complain("the inbox cannot be read through the socket") end
  local other = lab.keel(s.home, "runs --json")
  if other.code ~= 0 then complain("another process cannot read: %s%s", other.out, other.err) end
end

local function wait_until(fn, ms)
  local till = clock.mono_us() + ms * 1000
  repeat
    if fn() then return true end
    loop.sleep(50)
  until clock.mono_us() > till
  return false
end

--- In the end: everything once.
local function check_end(home, complain)
  local e <close> = assert(engine.look { home = home })
  local runs, sent = {}, {}
  for _, run in ipairs(e:list { limit = 1000 }) do
    if runs[run.output or run.run] then complain("two runs for %s", json.encode(run)) end
    runs[run.output or run.run] = true
    if run.state ~= "done" then complain("a run ended as %s: %s", run.state, json.encode(run.error or json.null)) end
  end
  for line in (file.read(home .. "/var/outbox.jsonl") or ""):gmatch("([^\n]*)\n") do
    local row = json.decode(line)
    if not row then complain("a line of the outbox is damaged: %s", line)
    elseif sent[row.key] then complain("%s was sent twice", row.key)
    else sent[row.key] = true end
  end
  for n = 1, orders do
    if not runs["o" .. n] then complain("order %d was not done", n) end
    if not sent["o" .. n] then complain("order %d was not sent", n) end
  end
  for _, row in ipairs(e.store:read("check.integrity", {})) do
    if row.result ~= "ok" then complain("integrity_check: %s", row.result) end
  end
end

--- The disk fails with `kind` from its nth call on. Returns what became of it ("refused at
--- the start", "went bad", "nothing noticed"), complaints, the seconds until it took changes
--- again, the home.
function full.play(kind, n)
  local list, home = {}, scratch()
  local killed = kind == "killed" -- the engine dies while the disk is full, and is started again
  if killed then kind = "full" end
  local function complain(text, ...) list[#list + 1] = text:format(...) end
  local s, said = serve(home, kind .. ":" .. n)
  local how, back = "nothing noticed", nil
  if not s then
    how = "refused at the start"
    if not said:find("K900%d") then complain("it did not start and said: %s", said) end
    assert(file.write(home .. "/well", ""))
    s = assert(serve(home, kind .. ":" .. n))
  end
  local accepted, pid = 0, s:engine_pid()
  local refused
  for i = 1, orders do
    local answer = s:emit("o" .. i)
    if answer.code == 0 then
      if refused then complain("order %d was accepted behind a refusal", i) end
      accepted = accepted + 1
    else
      refused = refused or i
      local number = number_of(answer)
      if answer.code ~= 9 or not refusals[number] then
        complain("order %d: code %s, %s", i, tostring(answer.code), table.concat(answer.out))
      end
    end
  end
  if refused then
    how = "went bad"
    if killed then
      assert(file.write(home .. "/bad", ""))
      os.execute(("kill -9 %d"):format(pid))
      loop.sleep(1500) -- it is tried again and again; a new engine finds no room even to look
    else
      check_reading(s, accepted, complain)
    end
    local before = clock.mono_us()
    assert(file.write(home .. "/well", ""))
    local probes = 0
    local function takes_changes() -- a key that is there already would be no proof
      probes = probes + 1
      return s:ask({ "emit", "nobody.listens", "{}", "--key", "p" .. probes, "--json" }).code == 0
    end
    if not wait_until(takes_changes, 10000) then
      complain("it takes no changes although the disk is well: %s", file.read(home .. "/serve.log"))
    end
    back = (clock.mono_us() - before) / 1e6
    if not killed and s:engine_pid() ~= pid then complain("the engine was started again (process %s, then %s)", pid, tostring(s:engine_pid())) end
  else
    assert(file.write(home .. "/well", ""))
  end
  for i = 1, orders do
    local answer = s:emit("o" .. i)
    if answer.code ~= 0 then complain("order %d again: code %s", i, tostring(answer.code)) end
  end
  wait_until(function()
    local runs = s:ask({ "runs", "--json" }).value or {}
    local open = 0
    for _, run in ipairs(runs) do
      if run.state ~= "done" then open = open + 1 end
    end
    return open == 0
  end, 5000)
  s:stop()
  check_end(home, complain)
  for _, one in ipairs(lab.replays(home)) do list[#list + 1] = one end
  if #list == 0 then lab.remove(home) end
  return how, list, back, home
end

-- ---- the matrix -------------------------------------------------------------------------------

--- One part of it, told to a parent as lines; the last is JSON.
local function part(options)
  local rows, k = {}, 0
  for _, kind in ipairs(options.only and { options.only } or { "full", "io", "sync", "killed" }) do
    local row = { disks = 0, start = 0, bad = 0, unnoticed = 0, passed = 0, failed = 0, slowest = 0 }
    rows[kind] = row
    for n = 1 + options.seed % options.stride, options.calls, options.stride do
      k = k + 1
      if k % options.jobs + 1 == options.part then
        local how, complaints, back, home = full.play(kind, n)
        row.disks = row.disks + 1
        local field = how == "went bad" and "bad" or how == "refused at the start" and "start" or "unnoticed"
        row[field] = row[field] + 1
        row.slowest = math.max(row.slowest, back or 0)
        if #complaints == 0 then row.passed = row.passed + 1 else
          row.failed = row.failed + 1
          io.write(("FAILED %s at disk call %d of %d (%s; kept: %s)\n"):format(kind, n, options.calls, how, home))
          for i = 1, math.min(5, #complaints) do io.write("  ", complaints[i]:sub(1, 500), "\n") end
          io.flush()
        end
      end
    end
  end
  io.write("= ", json.encode(rows), "\n")
  return true
end

function full.main(options)
  if options.part then return part(options) end
  if not lab.shim() then
    io.write("skipped: ", select(2, lab.shim()), "\n")
    return true
  end
  local began, calls, pipes = clock.mono_us(), full.calls(), {}
  io.write(("seed %d: %d disk calls from the start of serving to its end, every %dth\n"):format(options.seed, calls, options.stride))
  io.flush()
  for i = 1, options.jobs do
    pipes[i] = assert(io.popen(("%s lua spec/crash/diskfull.lua --part %d --jobs %d --stride %d --seed %d --calls %d %s"):format(
      lab.quoted(program), i, options.jobs, options.stride, options.seed, calls, options.only and "--only " .. options.only or "")))
  end
  local sums, passed, failed = {}, 0, 0
  for i, pipe in ipairs(pipes) do
    local whole = false
    for line in pipe:lines() do
      local text = line:match("^= (.*)$")
      if not text then io.write(line, "\n") end
      for kind, row in pairs(text and json.decode(text) or {}) do
        whole = true
        sums[kind] = sums[kind] or {}
        for field, n in pairs(row) do
          local old = sums[kind][field] or 0
          sums[kind][field] = field == "slowest" and math.max(old, n) or old + n
        end
        passed, failed = passed + row.passed, failed + row.failed
      end
    end
    pipe:close()
    if not whole then
      failed = failed + 1
      io.write(("part %d did not come to its end\n"):format(i))
    end
  end
  io.write(("%-6s %6s %22s %10s %16s %8s %14s\n"):format("disk", "disks", "refused at the start", "went bad", "nothing noticed",
    "failed", "back after"))
  for _, kind in ipairs { "full", "io", "sync", "killed" } do
    local row = sums[kind]
    if row then
      io.write(("%-6s %6d %22d %10d %16d %8d %12.1f s\n"):format(kind, row.disks, row.start, row.bad, row.unnoticed, row.failed, row.slowest))
    end
  end
  io.write(("%.0f s\n%d passed, %d failed\n"):format((clock.mono_us() - began) / 1e6, passed, failed))
  return failed == 0
end

if arg and arg[0] and arg[0]:find("diskfull%.lua$") then
  local options = { stride = 4, jobs = 4, seed = os.time() }
  for i = 1, #arg, 2 do
    options[arg[i]:match("^%-%-(.+)$")] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
  end
  if not full.main(options) then error({ message = "a disk that failed left something behind" }) end
end

return full
