-- expect: ok
local t = { [("k"):rep(100000)] = 1 }
return t
