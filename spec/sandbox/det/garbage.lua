-- expect: ok
-- same: true
local t = {}
for i = 1, 100000 do t[i % 997] = { tostring(i), {} } end
return #t
