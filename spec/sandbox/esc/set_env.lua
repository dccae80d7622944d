-- expect: ok
-- result: 3
local print = print
local _ENV = { x = 3 }
return x
