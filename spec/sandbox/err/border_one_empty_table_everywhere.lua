-- expect: error one table too many
local t, empty = {}, {}
for i = 1, 150000 do t[i] = empty end
return t
