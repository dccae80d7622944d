-- expect: ok
local t = {}
for i = 1, 90 do t = { t } end
return t
