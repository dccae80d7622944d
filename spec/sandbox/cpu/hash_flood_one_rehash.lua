-- A stride that fits the next size of the table: one rehash was quadratic.
-- expect: ok
-- result: 40000
local t, stride, n = {}, (1 << 16) - 1, 0
for i = 1, 40000 do t[i * stride] = i end
for i = 1, 40000 do if t[i * stride] == i then n = n + 1 end end
return n
