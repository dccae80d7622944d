-- Keys with an identity must not disturb the order of the others.
-- expect: ok
-- same: true
local t, out = {}, {}
local gone = {}
for i = 1, 50 do local k = { }; gone[i] = k; t[k] = i; t["s" .. i] = i end
for i = 1, 50 do t[gone[i]] = nil end
for k in pairs(t) do out[#out + 1] = k end
return table.concat(out, " ")
