-- expect: memory|ok
-- options: --memory 16384
-- Hardly room for anything.
local t = {}
for i = 1, 500 do t[i] = { i } end
return #t
