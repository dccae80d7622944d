-- expect: error too many keys
-- A hundred levels of one table of many names: their names are all kept meanwhile.
local t = {}
for i = 1, 100000 do t["k" .. i] = 1 end
t.a = t
return t
