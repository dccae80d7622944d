-- keel lua spec/schedules/tick.lua HOME MINUTES: an engine on a clock of its own, through
-- so many minutes; where it was killed it goes on from the minute that it had come to.
local engine = require "engine"
local file = require "file"

local path, minutes = arg[1], math.tointeger(tonumber(arg[2]))
local first = 1772442000000
local kept = path .. "/minute"
local minute = math.tointeger(tonumber(file.read(kept) or "0"))
local now = first + minute * 60000
local e <close> = assert(engine.open { home = path, schedules = true, clock = function() return now end })
assert(e:drain())
while minute < minutes do
  minute = minute + 1
  now = first + minute * 60000
  local f = assert(io.open(kept, "w")) -- by the C library: no call that the shim counts
  f:write(minute)
  f:close()
  e:fire()
  assert(e:drain())
end
