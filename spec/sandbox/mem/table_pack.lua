-- expect: memory|instructions
local t = {}
for i = 1, 100000 do t[i] = i end
local keep = {}
while true do keep[#keep + 1] = table.pack(table.unpack(t)) end
