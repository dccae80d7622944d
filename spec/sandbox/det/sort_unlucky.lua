-- Unlucky pivots made stock Lua ask the clock.
-- expect: ok
-- same: true
local t, out = {}, {}
for i = 1, 5000 do t[i] = { i < 4900 and i or 0, i } end
table.sort(t, function(a, b) return a[1] < b[1] end)
for i = 1, 200 do out[i] = t[i][2] end
return out
