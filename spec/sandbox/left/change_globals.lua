-- options: --runs 2
-- expect: ok
-- result: "fresh"
local was = marker or rawget(_G, "marker") or "fresh"
marker = "used"
setmetatable(_G, { __index = function() return "used" end })
return was
