-- expect: instructions
local t = {}
for i = 1, 50000 do t[i] = 0x20ac end
while true do utf8.char(table.unpack(t)) end
