-- options: --runs 2
-- expect: instructions
local x <close> = setmetatable({}, { __close = function() string.marker = "used" end })
if string.marker then return "leaked" end
while true do end
