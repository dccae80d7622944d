-- expect: ok
-- options: --runs 3
-- the order itself is a fact of the seed: equal in each run and process
local t, out = {}, {}
for i = 1, 300 do t["key " .. i * 7919] = i end
for i = 1, 300, 3 do t["key " .. i * 7919] = nil end
for k in pairs(t) do out[#out + 1] = k end
return table.concat(out, ",")
