-- expect: instructions cannot be interrupted
-- options: --instructions 20000000 --slice 200000
local t = {}
for i = 1, 150000 do t["k" .. i] = 1 end
return t
