--- keel bench recover: runs at work are killed with -9 when about 45 % of their steps are
--- done, and the engine is started again. How long until all are over, what was done
--- twice, and whether anything is missing.
---
--- Each body of a step tells a ledger outside of the store that it ran. It has no key, so
--- a step whose result was not durable yet is done again: at most one for each run. In the
--- middle each run sends a mail through the outbox with a key, which must be there once.
local clock = require "core.clock"
local engine = require "engine"
local errors = require "errors"
local file = require "file"
local json = require "json"
local lab = require "bench.lab"
local loop = require "loop"

local recover = {}

local agent = [[
return agent {
  version = 1,
  about = "steps that are told to a ledger, and a mail in the middle",
  caps = { instructions = 20000000, memory = "32MiB", wall = "60s" },
  uses = { "mail" },
  run = function(ctx, input)
    local text = ("x"):rep(70)
    for i = 1, input.steps do
      ctx.step{ name = "s", run = function()
        ctx.log(("%07d %07d"):format(input.n, i), "debug")
        return { n = i, text = text }
      end }
      if i == input.steps // 2 then ctx.skill.mail{ op = "send", to = "somebody@example.com", n = input.n } end
    end
    return input.steps
  end,
}
]]

local config = 'return { zone = "UTC", adapters = { mail = "outbox" } }\n'
local line_bytes = 16 -- of the ledger: two numbers of seven digits, a blank, a newline

local function ledger_path(folder) return file.join(folder, "var", "ledger.txt") end

--- The engine, telling the ledger what its scripts do: unbuffered, so that it is there
--- when the process is gone.
local function open(folder)
  local ledger = assert(io.open(ledger_path(folder), "a"))
  ledger:setvbuf("no")
  return engine.open { home = folder, on_log = function(_, level, text)
    if level == "debug" then ledger:write(text .. "\n") end -- in one piece: it may be killed behind it
  end }
end

--- In a process that is killed on the way.
local function work(folder, runs, steps)
  local e = assert(open(folder))
  for n = 1, runs do
    e:task(function() assert(e:start("bench", { n = n, steps = steps })) end)
  end
  assert(e:drain())
  e:close()
  return {}
end

--- In the process after it.
local function take_up(folder)
  local began, cpu = clock.mono_us(), clock.cpu_us()
  local e = assert(open(folder))
  local opened = clock.mono_us()
  assert(e:drain())
  local over, used = clock.mono_us(), clock.cpu_us() - cpu
  local counts = {}
  for _, row in ipairs(e:rows("run.counts", {})) do counts[row.state] = row.n end
  e:close()
  return { done = counts.done or 0, states = counts, open_ms = (opened - began) / 1000,
    complete_ms = (over - began) / 1000, cpu_ms = used / 1000 }
end

function recover.child(what, folder, runs, steps)
  lab.hello()
  local answer = what == "work" and work(folder, math.tointeger(runs), math.tointeger(steps)) or take_up(folder)
  print(json.encode(answer))
end

--- Kill the child when the ledger has `lines` lines. Returns how many it had; nil when
--- the child was over before.
local function kill_at(child, folder, lines)
  local path = ledger_path(folder)
  local bytes = 0
  local deadline = clock.mono_us() + 600 * 1000000
  repeat
    loop.sleep(1)
    bytes = file.stat(path) or 0
  until bytes >= lines * line_bytes or clock.mono_us() > deadline
  os.execute(("kill -9 %d 2>/dev/null"):format(child.pid))
  local over = child.lines()
  child.close()
  if over then return nil end
  return (file.stat(path) or 0) // line_bytes
end

local function count_lines(path, key_of)
  local times, lines, twice = {}, 0, 0
  for line in io.lines(path) do
    local key = key_of(line)
    times[key] = (times[key] or 0) + 1
    lines = lines + 1
    if times[key] > 1 then twice = twice + 1 end
  end
  return lines, twice
end

local function key_of_mail(line)
  return json.decode(line).body.n
end

local function killed(options, lines)
  local runs, steps, folder = options.runs, options.steps, options.folder
  lab.home(folder, { bench = agent }, config)
  local at = kill_at(lab.child("recover", "work", folder, runs, steps), folder, lines)
  if at then return at end
  return nil, errors.from("the runs were over before they could be killed; ask for more steps", "state")
end

--- Options: runs, steps (a run), folder.
function recover.measure(options)
  local runs, steps, folder = options.runs, options.steps, options.folder
  local at, err = killed(options, runs * steps * 45 // 100)
  if not at then return nil, err end
  local after
  after, err = lab.answer(lab.child("recover", "take_up", folder))
  if not after then return nil, err end
  local ledger, twice = count_lines(ledger_path(folder), function(line) return line end)
  local mails, mails_twice = count_lines(file.join(folder, "var", "outbox.jsonl"), key_of_mail)
  local fsync
  fsync, err = lab.fsync(folder)
  if not fsync then return nil, err end
  local raw, p50 = lab.raw(folder, runs * steps, math.min(runs, 1024))
  if not raw then return nil, p50 end
  return { runs = runs, steps = steps, killed_at_steps = at, complete_ms = after.complete_ms, open_ms = after.open_ms,
    cpu_ms = after.cpu_ms, runs_done = after.done, lost_runs = runs - after.done, lost_steps = runs * steps - (ledger - twice),
    duplicates = twice, duplicates_keyed = mails_twice, lost_keyed = runs - (mails - mails_twice),
    raw_steps_per_s = math.floor(raw), raw_p50_us = p50, fsync_p50_us = fsync }
end

return recover
