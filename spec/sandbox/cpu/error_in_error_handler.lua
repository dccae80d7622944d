-- expect: ok
-- result: false
local function handler() error("again") end
return (xpcall(error, handler))
