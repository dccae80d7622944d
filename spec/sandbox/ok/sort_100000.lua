-- expect: ok
-- result: true
local t = {}
for i = 1, 100000 do t[i] = i * 7919 % 100003 end
table.sort(t)
return t[1] < t[2] and t[99999] < t[100000]
