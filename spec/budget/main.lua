--- make budget-storm: money is a physical limit.
--
--   build/keel lua spec/budget/main.lua [--seeds 100] [--seed 1] [--kills 200]
--     [--calls 1000] [--only storms|wild|kills]
--
-- For every seed from --seed on, --calls parallel calls on a budget that pays for a tenth
-- of them, against a provider with faults (spec/budget/storm.lua); then a quarter as many
-- seeds against one that does not keep to max_tokens; then --kills deaths of a process that
-- makes such calls (spec/budget/kills.lua). What is wrong is told with the rows that say
-- it, and with the command that plays the seed again.
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local fake = require "spec.budget.fake"
local kills = require "spec.budget.kills"
local storm = require "spec.budget.storm"

local options = { seeds = 100, seed = 1, kills = 200, calls = 1000 }
for i = 1, #arg, 2 do
  options[arg[i]:match("^%-%-(.+)$")] = math.tointeger(tonumber(arg[i + 1])) or arg[i + 1]
end

local judged, wrong = 0, 0
local began = clock.mono_us()

local function tell(text, ...)
  io.write(text:format(...), "\n")
  io.flush()
end

local function seconds() return (clock.mono_us() - began) / 1e6 end

local function usd(picousd) return ("$%.6f"):format(picousd / 1e12) end

--- Add b's numbers to a's.
local function add(a, b)
  for key, value in pairs(b) do
    if type(value) == "number" then
      a[key] = (a[key] or 0) + value
    elseif type(value) == "table" then
      a[key] = add(a[key] or {}, value)
    end
  end
  return a
end

local function complain(what, seed, list)
  judged = judged + 1
  if #list == 0 then return end
  wrong = wrong + 1
  tell("FAILED %s, seed %d: %d complaints", what, seed, #list)
  for i = 1, math.min(#list, 5) do tell("  %s", list[i]) end
  tell("  again: build/keel lua spec/budget/main.lua --only %s --seed %d --seeds 1 --calls %d%s", what, seed, options.calls,
    what == "kills" and " --kills " .. kills.lives or "")
end

local function line(what, from, to, f)
  tell("%s %d-%d: %d calls, %d answered, %d refused, %d attempts (%d faults), %s billed, %s booked of %s (%.1f %%), "
    .. "excess %s, %.0f s", what, from, to, f.calls, f.codes.answered or 0, f.codes.budget or 0, f.attempts, f.faults,
    usd(f.billed), usd(f.booked), usd(f.budget), f.booked * 100 / f.budget, usd(f.excess), seconds())
end

--- Seeds against a provider; returns the figures of all.
local function storms(what, count, honest)
  local provider, all, ten, from = fake.start(), {}, {}, options.seed
  for seed = options.seed, options.seed + count - 1 do
    local list, figures = storm.seed(provider, seed, { calls = options.calls, honest = honest })
    complain(what, seed, list)
    add(ten, figures)
    if (seed - options.seed) % 10 == 9 or seed == options.seed + count - 1 then
      line(what, from, seed, ten)
      add(all, ten)
      ten, from = {}, seed + 1
    end
  end
  provider:stop()
  return all
end

local function deaths(count)
  local provider, all, seed, told = fake.start(), { kills = 0 }, options.seed, 0
  while all.kills < count and seed < options.seed + count do
    local list, figures = kills.store(provider, seed, math.min(kills.lives, count - all.kills))
    complain("kills", seed, list)
    add(all, figures)
    if all.kills - told >= 50 or all.kills >= count then
      tell("kills %d-%d: in %d lives, %d reservations left behind, %d attempts, %s billed, %s booked of %s, %.0f s",
        told + 1, all.kills, all.lives, all.left, all.attempts, usd(all.billed), usd(all.booked), usd(all.budget),
        seconds())
      told = all.kills
    end
    seed = seed + 1
  end
  provider:stop()
  if all.kills < count then complain("kills", options.seed, { ("only %d of %d lives were ended"):format(all.kills, all.lives) }) end
  return all
end

local rows = {}

--- A line of the table at the end.
local function summary(what, f)
  local codes = f.codes or {}
  rows[#rows + 1] = ("%-7s %9d %9s %9s %9d %8s %7s %12s %12s %6.1f%% %12s"):format(what, f.calls, codes.answered or "-",
    codes.budget or "-", f.attempts, f.faults or "-", f.kills or "-", usd(f.billed), usd(f.booked), f.booked * 100 / f.budget,
    f.excess and usd(f.excess) or "-")
end

local function playing(what) return options.only == nil or options.only == what end

if playing "storms" then summary("storms", storms("storms", options.seeds, true)) end
if playing "wild" then summary("wild", storms("wild", options.only and options.seeds or math.ceil(options.seeds / 4), false)) end
if playing "kills" and options.kills > 0 then summary("kills", deaths(options.kills)) end
tell("%-7s %9s %9s %9s %9s %8s %7s %12s %12s %7s %12s", "", "calls", "answered", "refused", "attempts", "faults", "kills", "billed",
  "booked", "budget", "excess")
for _, row in ipairs(rows) do tell("%s", row) end
tell("%d passed, %d failed, %.0f s", judged - wrong, wrong, seconds())
if wrong > 0 then os.exit(1, true) end
