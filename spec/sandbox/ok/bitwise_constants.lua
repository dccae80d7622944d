-- Wrong code for bitwise operations with many constants was upstream's.
-- expect: ok
-- result: [15,240,255,4080,-1]
local x = 0xf0
return { 0xff & 0x0f, x & 0xff, x | 0x0f, x << 4 | 0xf0, ~0 }
