-- expect: ok
-- result: false
local function h(e) return xpcall(error, h) and e end
return (xpcall(error, h))
