-- expect: ok
-- result: false
local function nest() return (("x"):gsub("x", nest)) end
return (pcall(nest))
