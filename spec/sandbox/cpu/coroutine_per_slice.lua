-- A fresh coroutine for every few instructions: one counter for the run.
-- expect: instructions
local function burst() for i = 1, 400 do end end
while true do coroutine.wrap(burst)() end
