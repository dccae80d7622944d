-- expect: instructions
local f = ("%d"):rep(100)
local t = {}
for i = 1, 100 do t[i] = i end
while true do f:format(table.unpack(t)) end
