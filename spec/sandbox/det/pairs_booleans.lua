-- expect: ok
-- same: true
local out = {}
for k, v in pairs({ [true] = 1, [false] = 2, x = 3 }) do out[#out + 1] = tostring(k) .. v end
return out
