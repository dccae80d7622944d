-- expect: error nests too deep
local a, b = {}, {}
a.b, b.a = b, a
return a
