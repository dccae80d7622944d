-- expect: instructions
-- options: --instructions 3000000
local t = {}
for i = 1, 300000 do t[i] = i end
return t
