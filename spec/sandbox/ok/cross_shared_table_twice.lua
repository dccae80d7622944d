-- expect: ok
-- result: [{"x":1},{"x":1}]
local t = { x = 1 }
return { t, t }
