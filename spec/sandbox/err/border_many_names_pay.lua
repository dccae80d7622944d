-- expect: instructions
-- options: --instructions 3000000
local t = {}
for i = 1, 100000 do t["k" .. i] = i end
return t
