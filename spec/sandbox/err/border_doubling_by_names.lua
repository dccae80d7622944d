-- expect: error one table too many
local t = {}
for i = 1, 40 do t = { a = t, b = t } end
return t
