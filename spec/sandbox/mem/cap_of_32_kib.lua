-- expect: memory|ok
-- options: --memory 32768
-- Hardly room for anything.
local t = {}
for i = 1, 500 do t[i] = { i } end
return #t
