-- expect: ok
-- same: true
-- result: "k1 k10 k4 k7"
local t = {}
for i = 1, 12 do t["k" .. i] = i end
for i = 1, 12 do if i % 3 ~= 1 then t["k" .. i] = nil end end
local out = {}
for k in pairs(t) do out[#out + 1] = k end
table.sort(out)
return table.concat(out, " ")
