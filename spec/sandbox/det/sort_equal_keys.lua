-- expect: ok
-- same: true
local t = {}
for i = 1, 2000 do t[i] = { key = i % 7, at = i } end
table.sort(t, function(a, b) return a.key < b.key end)
local out = {}
for i = 1, 2000 do out[i] = t[i].at end
return table.concat(out, " ")
