-- expect: ok
-- result: 500
local t, keys = {}, {}
for i = 1, 500 do keys[i] = {}; t[keys[i]] = i end
local n = 0
for i = 1, 500 do if t[keys[i]] == i then n = n + 1 end end
return n
