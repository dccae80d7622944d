-- Work at a time: `build/keel lua docs/examples/scheduler.lua`
-- Prints its lines within 30 ms; a real script would say "15m" and "2d".
local scheduler = require "scheduler"

local s = scheduler.new()

-- Again and again, until it is stopped.
local count = 0
local ticker
ticker = s:every("4ms", function()
  count = count + 1
  print("tick " .. count)
  if count == 3 then ticker:stop() end
end)

-- A task looks blocking and does not stop the others.
s:spawn(function()
  print "task: begin"
  s:sleep("20ms")
  print "task: end"
end)

-- An error ends one function, is told, and the rest goes on.
s.on_error = function(message, _, name) print(name .. " failed: " .. message:match(": (.*)")) end
s:after("1ms", function() error "no paper" end, "printer")

-- At a time of the clock, in milliseconds since 1970.
s:at(require("core.clock").now_ms() + 25, function() print "at last" end)

local ok, failed = s:run()
print(ok, failed)
