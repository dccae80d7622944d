-- expect: error too many keys
local t = {}
for i = 1, 260000 do t["k" .. i] = 1 end
return t
