--- make determinism: scripts made by chance must do the same everywhere, and changed ones
-- must be noticed.
--
--   build/keel lua spec/determinism/main.lua [--n 1000] [--seed 1] [--mutants 3] [--build build]
--
-- Plays N scripts on stores with a clock that only it moves, in shards; plays their
-- journals again in other processes (the conditions below); plays the scripts afresh there;
-- and plays changed scripts against the journals. Prints a table; the last line counts.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local file = require "file"
local json = require "json"
local lab = require "spec.determinism.lab"
local program = require "spec.support.program"

local options = { n = 1000, seed = 1, mutants = 3, build = "build", shards = nil, keep = 0 }
for i = 1, #arg, 2 do
  local name = assert(arg[i]:match("^%-%-(%l+)$"), "flags are --n --seed --mutants --shards --keep --build")
  options[name] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
end
local shards = options.shards or math.max(1, math.min(8, options.n // 20))
local folder = file.join(options.build, "determinism")

local function say(...) io.write(string.format(...), "\n") io.flush() end

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function works(command) return os.execute(command .. " >/dev/null 2>&1") == true end

-- ---- conditions ------------------------------------------------------------------------

local shuffle = ("LD_PRELOAD=%s/shuffle.so SHUFFLE=%d "):format(options.build, options.seed)
local fixed = works "setarch -R true" and "setarch -R " or ""
local forty_years = 40 * 365 * 86400000

-- label, what it says, environment and wrapper, clock shift, GC pause, fuel of a turn
local replays = {
  { "again", "another process", "", 0, 200, 0 },
  { "fixed", "fixed addresses, memory filled", "env MALLOC_PERTURB_=165 " .. fixed, 0, 200, 0 },
  { "shuffled", "an allocator that shuffles", "env " .. shuffle, 0, 150, 20011 },
  { "mmapped", "every block of 4 KiB mapped, one arena", "env GLIBC_TUNABLES=glibc.malloc.mmap_threshold=4096:glibc.malloc.tcache_count=0"
    .. " MALLOC_ARENA_MAX=1 ", 0, 200, 100000000 },
  { "eager", "collecting all the time", "", 0, 100, 0 },
  { "late", "collecting late, 40 years on, other zone and language",
    "env TZ=Pacific/Kiritimati LC_ALL=tr_TR.UTF-8 LANG=tr_TR.UTF-8 HOME=/ ", forty_years, 1000, 3001 },
  { "sliced", "preempted all the time", "", 1, 200, 97 },
}
local fresh = {
  { "shuffled", "afresh, an allocator that shuffles", "env " .. shuffle },
  { "fixed", "afresh, fixed addresses, other zone", "env MALLOC_PERTURB_=90 TZ=Asia/Kolkata LC_ALL=C.UTF-8 " .. fixed },
}

-- ---- jobs ------------------------------------------------------------------------------

local function job(mode, shard, label, env, more)
  return ("LABEL=%s %s%s lua spec/determinism/child.lua %s %s %d %d %d %d %s >>%s 2>&1"):format(label, env or "", quoted(program), mode,
    quoted(file.join(folder, "shard-" .. shard)), options.seed, options.n, shard, shards, more or "", quoted(file.join(folder, "log")))
end

--- Run shell commands, two at a time or as many as there are processors.
local function run(jobs)
  local path = file.join(folder, "jobs")
  local lines = {}
  for i, text in ipairs(jobs) do lines[i] = text .. "\0" end
  assert(file.write(path, table.concat(lines)))
  return os.execute(("xargs -0 -P %d -I{} sh -c {} <%s"):format(options.jobs or 2, quoted(path))) == true
end

local function read(shard, name) return json.decode(file.read(file.join(folder, "shard-" .. shard, name .. ".json")) or "null") end

-- ---- judging -----------------------------------------------------------------------------

local passed, failed, shown = 0, 0, 0

local function complain(...)
  shown = shown + 1
  if shown <= 20 then say("  FAILED " .. ...) end
end

local function verdict(ok, format, ...)
  if ok then passed = passed + 1 return end
  failed = failed + 1
  complain(format:format(...))
end

local function judge_replays(how)
  local runs, steps, different, lost = 0, 0, 0, 0
  for shard = 1, shards do
    local out = read(shard, "replay-" .. how[1])
    if not out then lost = lost + 1 complain(("%s: shard %d did not finish (see %s/log)"):format(how[2], shard, folder)) end
    for _, d in ipairs(out and out.different or {}) do
      different = different + 1
      complain(("%s: %s at %s: %s"):format(how[2], d.agent, tostring(d.result.at), json.encode(d.result)))
    end
    runs, steps = runs + (out and out.runs or 0), steps + (out and out.steps or 0)
  end
  passed, failed = passed + runs - different, failed + different + lost
  say("  %-54s %6d runs %7d steps %5d different", how[2], runs, steps, different)
end

local function first_difference(was, now)
  for i = 1, math.max(#was.lines, #now.lines) do
    if was.lines[i] ~= now.lines[i] then return ("%s / %s"):format(tostring(was.lines[i]), tostring(now.lines[i])) end
  end
  return was.last .. " / " .. now.last
end

local function judge_fresh(how, racing)
  local equal, different, raced, raced_equal = 0, 0, 0, 0
  for shard = 1, shards do
    local was, now = read(shard, "record-"), read(shard, "fresh-" .. how[1]) or {}
    for name, facts in pairs(was or {}) do
      local same = now[name] and now[name].sum == facts.sum
      if racing[name] then
        raced, raced_equal = raced + 1, raced_equal + (same and 1 or 0)
      else
        equal, different = equal + (same and 1 or 0), different + (same and 0 or 1)
        verdict(same, "%s: %s: %s", how[2], name, not same and (now[name] and first_difference(facts, now[name]) or "did not finish"))
      end
    end
  end
  say("  %-54s %6d equal %6d different (%d of %d that race, too)", how[2], equal, different, raced_equal, raced)
end

local function share(part, whole) return whole == 0 and 100 or 100 * part / whole end

local function judge_mutants()
  local rows, names, all = {}, {}, { n = 0, caught = 0, equal = 0, body = 0, missed = 0, c_caught = 0, c_missed = 0, lines = 0 }
  for shard = 1, shards do
    for _, t in ipairs(read(shard, "mutate-") or {}) do
      local row = rows[t.kind]
      if not row then
        row = { n = 0, caught = 0, equal = 0, body = 0, missed = 0, c_caught = 0, c_missed = 0, lines = 0 }
        rows[t.kind], names[#names + 1] = row, t.kind
      end
      for _, sum in ipairs { row, all } do
        sum.n, sum[t.verdict] = sum.n + 1, sum[t.verdict] + 1
        if t.calls_verdict == "caught" or t.calls_verdict == "missed" then
          sum["c_" .. t.calls_verdict] = sum["c_" .. t.calls_verdict] + 1
        end
        if t.verdict == "caught" and not t.lines then sum.lines = sum.lines + 1 end
      end
      if t.verdict == "missed" or t.lines then
        complain(("%s of %s: %s"):format(t.kind, t.script, t.lines or "missed"))
        file.write(file.join(folder, ("odd-%s-%s.lua"):format(t.script, t.kind)), t.source or "")
      end
    end
  end
  table.sort(names)
  say("  %-18s %8s %8s %8s %8s %8s %10s %12s", "changed", "mutants", "caught", "equal", "in body", "missed", "both lines", "calls alone")
  local function tell(name, row)
    say("  %-18s %8d %8d %8d %8d %8d %10d %7.1f %%", name, row.n, row.caught, row.equal, row.body, row.missed, row.lines,
      share(row.c_caught, row.c_caught + row.c_missed))
  end
  for _, name in ipairs(names) do tell((name:gsub("_", " ")), rows[name]) end
  tell("all", all)
  local path_rate, call_rate = share(all.caught, all.caught + all.missed), share(all.c_caught, all.c_caught + all.c_missed)
  say("  caught: %.2f %% with the path, %.2f %% by calls and arguments alone; %d of %d reports have the lines of both sides",
    path_rate, call_rate, all.lines, all.caught)
  verdict(options.mutants == 0 or all.n > 0, "no mutants were made")
  verdict(path_rate >= 95, "fewer than 95 %% of the divergences were noticed")
  verdict(call_rate >= 95, "fewer than 95 %% of the divergences were noticed by calls alone")
  verdict(all.lines == all.caught, "%d reports lack a line", all.caught - all.lines)
end

-- ---- all of it ----------------------------------------------------------------------------

local began = clock.mono_us()
local function took() return (clock.mono_us() - began) / 1e6 end

assert(os.execute("rm -rf " .. quoted(folder)) and file.mkdir(folder))
for shard = 1, shards do assert(file.mkdir(file.join(folder, "shard-" .. shard))) end
if fixed == "" then say("setarch -R is refused here: addresses are not fixed in any run") end

local racing, kinds = {}, {}
for shard = 1, shards do
  for _, s in ipairs(lab.shard(options.seed, options.n, shard, shards)) do
    racing[s.name] = s.racing
    for _, kind in ipairs(s.kinds) do kinds[kind] = (kinds[kind] or 0) + 1 end
  end
end
local kind_count = 0
for _ in pairs(kinds) do kind_count = kind_count + 1 end
say("seed %d: %d scripts of %d kinds of pieces, %d shards", options.seed, options.n, kind_count, shards)

local jobs = {}
for shard = 1, shards do jobs[#jobs + 1] = job("record", shard, "", "") end
run(jobs)
local states, commands = {}, 0
for shard = 1, shards do
  local facts = read(shard, "record-")
  if not facts then failed = failed + 1 complain(("shard %d was not recorded, see %s/log"):format(shard, folder)) end
  for _, f in pairs(facts or {}) do
    states[f.state] = (states[f.state] or 0) + 1
    commands = commands + f.commands
  end
end
local names = {}
for state, count in pairs(states) do names[#names + 1] = ("%d %s"):format(count, state) end
table.sort(names)
say("recorded: %d commands; runs: %s  (%.0f s)", commands, table.concat(names, ", "), took())

jobs = {}
for shard = 1, shards do
  for _, how in ipairs(replays) do jobs[#jobs + 1] = job("replay", shard, how[1], how[3], ("%d/%d/%d"):format(how[4], how[5], how[6])) end
  for _, how in ipairs(fresh) do jobs[#jobs + 1] = job("fresh", shard, how[1], how[3]) end
  if options.mutants > 0 then jobs[#jobs + 1] = job("mutate", shard, "", "", options.mutants) end
end
run(jobs)
say("replayed from the journal:")
for _, how in ipairs(replays) do judge_replays(how) end
say("played again, same input and seed: command hashes, arguments, instructions, output:")
for _, how in ipairs(fresh) do judge_fresh(how, racing) end
if options.mutants > 0 then
  say("changed scripts against the journals:")
  judge_mutants()
end
if failed == 0 and options.keep == 0 then os.execute("rm -rf " .. quoted(folder)) end
say("%.0f s (SEED=%d)", took(), options.seed)
say("%d passed, %d failed", passed, failed)
os.exit(failed == 0 and 0 or 1)
