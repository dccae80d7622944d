-- expect: ok
-- result: 338350
local n, sum = 100, 0
local a = {}
for i = 1, n do a[i] = {}; for j = 1, n do a[i][j] = i == j and i or 0 end end
for i = 1, n do for j = 1, n do for k = j, j do sum = sum + a[i][k] * a[k][j] end end end
return sum
