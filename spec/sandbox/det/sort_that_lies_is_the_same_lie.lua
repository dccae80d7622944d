-- expect: ok|error
-- options: --runs 3
local t, n = {}, 0
for i = 1, 200 do t[i] = (i * 7919) % 211 end
local ok = pcall(table.sort, t, function(a, b) n = n + 1 return n % 3 == 0 end)
return { ok, n, table.concat(t, " ") }
