-- expect: error
local t = {}
t.t = t
return t
