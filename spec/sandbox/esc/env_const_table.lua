-- expect: ok
-- result: 7
local _ENV <const> = { a = 7 }
return a
