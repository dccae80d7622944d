-- A report of 100 kB built by concatenation and by table.concat.
-- expect: ok
-- result: true
local s, t = "", {}
for i = 1, 2000 do local line = "line " .. i .. (" "):rep(40) .. "\n"; s = s .. line; t[i] = line end
return s == table.concat(t)
