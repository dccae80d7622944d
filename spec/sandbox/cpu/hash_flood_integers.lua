-- Keys chosen to fall into one chain of the hash part.
-- expect: instructions
local t, stride = {}, (1 << 17) - 1
for i = 1, 60000 do t[i * stride] = i end
while true do local x = t[3 * stride] end
