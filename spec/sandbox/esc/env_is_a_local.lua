-- Upstream read beyond the heap here (a constant _ENV).
-- expect: error
local _ENV <const> = 1
x = y
