-- expect: error
local t = {}
for i = 1, 200000 do t = { t } end
return t
