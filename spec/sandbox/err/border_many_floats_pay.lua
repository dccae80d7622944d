-- expect: instructions
-- options: --instructions 3000000
local t = {}
for i = 1, 60000 do t[i] = i / 7 end
return t
