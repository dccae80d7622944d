-- expect: ok
-- result: [1,2,"abc",13]
local s = string.pack("<i4i2z", 1, 2, "abc")
local a, b, c = string.unpack("<i4i2z", s)
return { a, b, c, #s + 3 }
