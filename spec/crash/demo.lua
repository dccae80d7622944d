--- make crash: the main job, killed wherever it hurts, must end as if nobody had.
--
--   build/keel lua spec/crash/demo.lua [--kills N] [--seed N] [--stride N] [--only WAY]
--
-- Ways: `moments` (kill -9 at random moments, one to four times a home), `writes`
-- (killed before every nth call that changes a file), `torn` (half of the nth write
-- arrives), `full` (the disk is full from the nth on; then there is room again), `io`
-- and `sync` (it fails otherwise), `approval` (all of that behind a decision), `serve`
-- (kill -9 of `keel serve`).
package.path = "./?.lua;" .. package.path
local json = require "json"
local lab = require "spec.crash.lab"

local options = { kills = 200, seed = os.time(), stride = 1, only = nil }
for i = 1, #arg, 2 do
  local name = arg[i]:match("^%-%-(.+)$")
  options[name] = tonumber(arg[i + 1]) and math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
end
math.randomseed(options.seed)

local passed, failed = 0, 0
local last_row

local function tell(...)
  io.write(string.format(...), "\n")
  io.flush()
end

--- Count a home; complaints are shown at once, and the home is kept for looking at.
local function verdict(what, home, complaints)
  if #complaints == 0 then
    passed = passed + 1
    lab.remove(home)
    return
  end
  failed = failed + 1
  tell("FAILED %s (kept: %s)", what, home)
  for i = 1, math.min(#complaints, 12) do tell("  %s", complaints[i]) end
end

local function row(way, homes, hits, before)
  last_row = ("%-8s %6d homes  %6d hits  %6d passed  %6d failed"):format(way, homes, hits,
    passed - before.passed, failed - before.failed)
end

local function marks() return { passed = passed, failed = failed } end

-- ---- the ways ----------------------------------------------------------------------

local reference = lab.reference()
tell("seed %d; undisturbed: %.0f ms, %d disk calls, %d runs, %d records, %d memories, %d sent", options.seed,
  reference.seconds * 1000, reference.calls or 0, #reference.state.runs, #reference.state.records,
  #reference.state.memory, #reference.state.outbox)

local ways = {}

--- Kills that come when nothing is left to kill do not count.
function ways.moments()
  local before, homes, hits = marks(), 0, 0
  while hits < options.kills do
    local home, times, moments = lab.scratch(), math.random(4), {}
    local mine = 0
    for _ = 1, times do
      local moment = math.random() * reference.seconds
      moments[#moments + 1] = ("%.0f"):format(moment * 1000)
      local done = lab.keel(home, lab.demo, { kill = moment })
      if done.code ~= 137 then break end
      mine = mine + 1
    end
    homes, hits = homes + 1, hits + mine
    verdict(("killed after %s ms"):format(table.concat(moments, ", ")), home, lab.judge(home, reference))
  end
  row("moments", homes, hits, before)
end

--- One home for each place: the nth call that changes a file.
local function at_every_call(way, fault, check)
  return function()
    if not reference.calls then return tell("%s: skipped, %s", way, select(2, lab.shim())) end
    local before, homes = marks(), 0
    for n = 1 + math.random(0, options.stride - 1), reference.calls, options.stride do
      local home = lab.scratch()
      local done = lab.keel(home, lab.demo, { fault = fault .. ":" .. n })
      local complaints = check(done)
      for _, one in ipairs(lab.judge(home, reference)) do complaints[#complaints + 1] = one end
      verdict(("%s at disk call %d of %d"):format(fault, n, reference.calls), home, complaints)
      homes = homes + 1
    end
    row(way, homes, homes, before)
  end
end

local function died(done)
  -- a group commit or two less than the reference made, and there is no nth call
  if done.code == 137 or done.code == 0 then return {} end
  return { ("it ended with %d: %s%s"):format(done.code, done.out, done.err) }
end

--- One clear error, in JSON, with the exit code of the contract. (The last writes of
--- all move the log into the store; they can fail without anything being lost.)
local function refused(numbers)
  return function(done)
    local said = json.decode(done.out)
    if done.code == 0 and said and said.runs then return {} end
    local err = type(said) == "table" and said.error
    if done.code == 9 and err and numbers[err.number] and done.err == "" then return {} end
    return { ("it ended with %d and said: %s%s"):format(done.code, done.out:sub(1, 600), done.err:sub(1, 2000)) }
  end
end

ways.writes = at_every_call("writes", "kill", died)
ways.torn = at_every_call("torn", "tear", died)
ways.full = at_every_call("full", "full", refused { K9002 = true })
ways.io = at_every_call("io", "io", refused { K9005 = true })
ways.sync = at_every_call("sync", "sync", refused { K9005 = true })

--- Between the decision of a person and the end of the run: kill, a torn write, no room.
function ways.approval()
  if not lab.shim() then return tell("approval: skipped, %s", select(2, lab.shim())) end
  local before, homes = marks(), 0
  for _, fault in ipairs { "kill", "tear", "full" } do
    lab.approved(fault, (options.stride + 3) // 4, 1, function(home, place, _, complaints)
      homes = homes + 1
      verdict(place, home, complaints)
    end)
  end
  row("approval", homes, homes, before)
end

-- ---- keel serve --------------------------------------------------------------------

--- Serving stopped; decide what waits and see whether all is done.
local function settle(home)
  for _ = 1, 5 do
    local list = json.decode(lab.keel(home, "inbox --json").out) or {}
    for _, item in ipairs(list) do lab.keel(home, "approve " .. item.id .. " --json") end
  end
end

function ways.serve()
  local before, homes, hits = marks(), 0, 0
  while hits < math.max(options.kills // 4, 1) do
    local home, words = lab.scratch(), {}
    assert(require("demo").prepare(".", home, false))
    for _ = 1, math.random(3) do
      local moment, whom = math.random() * reference.seconds * 2, math.random(2) == 1 and "engine" or "both"
      words[#words + 1] = ("%s after %.0f ms"):format(whom, moment * 1000)
      lab.serve_for(home, moment, whom)
      hits = hits + 1
      if math.random(2) == 1 then settle(home) end
    end
    homes = homes + 1
    verdict("serve: " .. table.concat(words, ", "), home, lab.judge(home, reference))
  end
  row("serve", homes, hits, before)
end

-- ---- all of it ---------------------------------------------------------------------

local chosen = options.only and { options.only }
  or { "moments", "writes", "torn", "full", "io", "sync", "approval", "serve" }
for _, way in ipairs(chosen) do
  local began = require("core.clock").mono_us()
  assert(ways[way], "no way '" .. way .. "'")()
  if last_row then
    tell("%s  %6.1f s", last_row, (require("core.clock").mono_us() - began) / 1e6)
    last_row = nil
  end
end
tell("\n%d passed, %d failed", passed, failed)
if failed > 0 then error({ message = ("%d homes did not keep the promise"):format(failed) }) end
