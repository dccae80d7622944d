-- Keys chosen to fall into one chain of the hash part.
-- expect: instructions|memory
local inverse = 0xF1DE83E19937733D
local t = {}
for i = 1, 60000 do t[(i << 50 | i) * inverse] = i end
while true do local x = t[(77 << 50 | 3) * inverse] end
