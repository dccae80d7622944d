--- Storms that are killed: a child makes the calls of a plan on a store that stays, dies
--- by SIGKILL at a random moment or before a counted call that changes the disk, in its
--- recovery too, and again. After every death one opening must put the books right.
local budget = require "budget"
local chance = require "spec.budget.chance"
local clock = require "core.clock"
local json = require "json"
local lab = require "spec.crash.lab"
local plan = require "spec.budget.plan"
local program = require "spec.support.program"
local storm = require "spec.budget.storm"

local kills = { calls = 400, share = 5, parallel = { 4, 8, 24 }, lives = 10 }

--- One life: runs until it ends or dies. `how` is { ms } (a signal so long after the books
--- are open), { fault } (words for spec/crash/fault.c) or {} (to the end).
-- Returns whether it was killed.
local function life(self, how)
  local fault = how.fault and ("LD_PRELOAD=%s ASAN_OPTIONS=verify_asan_link_order=0 KEEL_FAULT=%s"):format(
    lab.quoted(lab.shim()), how.fault) or ""
  local pipe = assert(io.popen(("exec 2>>%s; env %s %s lua spec/budget/child.lua %s %s %d %d %d %d %d & echo $!; wait"):format(
    self.path .. ".log", fault, lab.quoted(program), self.path, self.url, self.seed, kills.calls, kills.share, self.first,
    self.plan.parallel)))
  local pid, said = pipe:read("l"), pipe:read("l")
  if said == "open" and how.ms then
    os.execute(("sleep %.4f; kill -9 %s 2>/dev/null"):format(how.ms / 1000, pid))
  end
  local last = said and pipe:read("l")
  pipe:close()
  return last ~= "done"
end

--- Open the books as an engine does that comes back, and close them: the rows and sums,
--- and how many reservations the dead left open.
local function reopened(path, now)
  local s = assert(require("store").open(path))
  local open = 0
  for _, row in ipairs(storm.rows(s)) do open = open + (row.state == "reserved" and 1 or 0) end
  assert(budget.open { store = s, now = now })
  local rows = storm.rows(s)
  local sums = assert(budget.list(s, { now = now(), zone = "UTC" }))
  local bad = s:read("budget.check", {})
  s:close()
  return { rows = rows, sums = sums, bad = bad, open = open }
end

--- One opening puts it right, the second has nothing to do.
local function judge(self, provider, complain)
  local now = plan.clock(clock.mono_us)
  local books = provider:books()
  local one = reopened(self.path, now)
  local booked = storm.judge_rows(one.rows, books, complain, false)
  for _, row in ipairs(one.bad) do complain("a budget is not the sum of its calls: %s", json.encode(row)) end
  for _, row in ipairs(one.sums) do
    if row.reserved_picousd ~= 0 then complain("held after the recovery: %s", json.encode(row)) end
  end
  storm.judge_limits(self.plan, one.rows, complain)
  if books.total > self.plan.budget then complain("%d billed on a budget of %d", books.total, self.plan.budget) end
  local two = reopened(self.path, now)
  for _, part in ipairs { "rows", "sums", "bad" } do
    if json.encode(one[part]) ~= json.encode(two[part]) then
      complain("a second opening changed the %s: %s became %s", part, json.encode(one[part]), json.encode(two[part]))
    end
  end
  return { booked = booked, billed = books.total, attempts = #one.rows, left = one.open }
end

local function how_to_die(draw, shim)
  local way = shim and draw(4) or 1
  if way <= 2 then return { ms = draw(0, 400) / 10 } end
  -- few: in the opening and the recovery; many: among the calls
  return { fault = (draw(5) == 1 and "tear:" or "kill:") .. (way == 3 and draw(2, 25) or draw(10, 250)) }
end

--- A store for `lives` lives that are to die (some are faster), then one to the end.
--- Figures: kills, lives, billed, booked,
--- budget, calls, attempts; and a list of complaints.
function kills.store(provider, seed, lives)
  local list, draw, shim = {}, chance.of(seed, 11), lab.shim()
  local self = { seed = seed, url = provider.url, path = os.tmpname(), first = 1,
    plan = plan.of(seed, { calls = kills.calls, share = kills.share, parallel = kills.parallel[seed % 3 + 1] }) }
  os.remove(self.path)
  provider:begin { seed = seed, price = self.plan.price, faults = self.plan.faults, honest = true }
  local figures = { kills = 0, budget = self.plan.budget, calls = kills.calls, left = 0 }
  for n = 1, lives + 1 do
    local how = n <= lives and how_to_die(draw, shim) or {}
    local killed = life(self, how)
    figures.lives, figures.kills = n, figures.kills + (killed and 1 or 0)
    if n > lives and killed then list[#list + 1] = "the last life did not come to its end" end
    local found = judge(self, provider, function(text, ...)
      list[#list + 1] = ("after death %d (%s): "):format(n, how.fault or how.ms and how.ms .. " ms" or "none") .. text:format(...)
    end)
    figures.booked, figures.billed, figures.attempts = found.booked, found.billed, found.attempts
    figures.left = figures.left + found.left
    if #list > 0 then break end
    self.first = 1 + (n * kills.calls // (lives + 2))
  end
  os.execute(("rm -f %s*"):format(self.path))
  return list, figures
end

return kills
