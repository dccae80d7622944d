-- expect: ok
local t = {}
for i = 1, 2000 do t[i] = { id = i, name = "item " .. i, price = i / 4 } end
return t
