-- expect: ok
-- same: true
local t, out = {}, {}
for i = 1, 100 do t[i * 7919 % 10007 / 4] = i; t[i * 104729] = i end
for k in pairs(t) do out[#out + 1] = tostring(k) end
return table.concat(out, " ")
