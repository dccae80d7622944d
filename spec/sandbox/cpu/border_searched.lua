-- expect: instructions
local t = {}
for i = 0, 19 do t[1 << i] = i; t[(1 << i) + 1] = i end
while true do local n = #t; n = #t; n = #t; n = #t end
