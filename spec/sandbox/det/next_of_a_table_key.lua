-- expect: error cannot iterate
local t = { [{}] = 1 }
local f = next
return f(t)
