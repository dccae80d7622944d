-- expect: memory
-- Doubling through format.
local s = "x"
while true do s = ("%s%s"):format(s, s) end
