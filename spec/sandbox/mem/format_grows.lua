-- expect: memory
-- options: --memory 8388608
-- Doubling through format.
local s = "x"
while true do s = ("%s%s"):format(s, s) end
