-- expect: ok
-- result: [true,true,true]
local n = 0 / 0
return { string.pack("d", n) == string.pack("d", -n), string.pack("f", n) == string.pack("f", -n), string.pack("n", n) == string.pack("n", string.unpack("n", string.pack("n", -n))) }
