--- make schedules: prints a table and ends with "N passed, N failed".
package.path = "./?.lua;" .. package.path
local clock = require "core.clock"
local policies = require "spec.schedules.policies"
local wall = require "spec.schedules.wall"

local program, only = arg[1], arg[2]
local seed = math.tointeger(tonumber(os.getenv "SEED" or "")) or 1
local passed, failed = 0, 0

local function report(ok, text)
  if ok then passed = passed + 1 return end
  failed = failed + 1
  if failed <= 40 then print("  not so: " .. text) end
end

local folder = os.tmpname()
os.remove(folder)
local found = false
print(("%-22s %-11s %12s %10s %8s"):format("zone", "years", "expressions", "firings", "ms"))
for _, zone in ipairs(wall.zones) do
  if not only or only == zone[1] then
    found = true
    local sum = wall.check(program, zone, seed, folder, report)
    print(("%-22s %d-%d   %11d %10d %8d"):format(zone[1], zone[2], zone[2] + 10, sum.expressions, sum.firings, sum.ms))
  end
end
os.execute("rm -rf '" .. folder .. "'")
if not found then
  io.stderr:write("no zone of the table is called " .. only .. "\n")
  os.exit(2)
end

if not only then
  print(("\n%-22s %10s %8s %6s %10s %8s"):format("overlap and catch-up", "schedules", "slots", "leaps", "downtimes", "ms"))
  for i = seed, seed + 1 do
    local began = clock.mono_us()
    local sum = policies.check(i, 240, report)
    print(("draw %-17d %10d %8d %6d %10d %8d"):format(i, sum.schedules, sum.slots, sum.leaps, sum.downtimes,
      (clock.mono_us() - began) // 1000))
  end
end
print(("%d passed, %d failed"):format(passed, failed))
os.exit(failed == 0 and 0 or 1)
