-- expect: instructions
local t = {}
for i = 1, 1 << 15 do t["k" .. i] = i end
for i = 1, math.huge do t["k" .. i] = nil; t["j" .. i] = 1 end
