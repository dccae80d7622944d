-- Floats that differ in their last bits only.
-- expect: ok
-- result: 60000
local t, n, e = {}, 0, 2.0 ^ -52
for i = 1, 60000 do t[1 + i * e] = i end
for i = 1, 60000 do if t[1 + i * e] == i then n = n + 1 end end
return n
