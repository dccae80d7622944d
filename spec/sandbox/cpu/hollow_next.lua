-- expect: instructions
local t = {}
for i = 1, 300000 do t[i] = i end
for i = 1, 299999 do t[i] = nil end
while true do next(t) end
