-- expect: ok
-- result: false
local function nest() return assert(pcall(nest)) end
return (pcall(nest))
