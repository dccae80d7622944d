-- expect: ok
-- same: true
local t, out = {}, {}
for i = 1, 200 do t["key" .. i * 7919 % 1000] = i end
for k in pairs(t) do out[#out + 1] = k end
return table.concat(out, " ")
