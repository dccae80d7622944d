-- expect: ok
-- options: --runs 3
local t, out = {}, {}
for i = 1, 60 do t[i * 1.5] = 1 t[-i] = 1 t["s" .. i] = 1 t[i << 40] = 1 end
t[true], t[false] = 1, 1
for k in pairs(t) do out[#out + 1] = tostring(k) end
return table.concat(out, " ")
