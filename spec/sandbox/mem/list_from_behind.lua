-- expect: memory
-- options: --memory 8388608
-- A list that begins as a hash.
local t = {}
for i = 1e7, 1, -1 do t[i] = true end
