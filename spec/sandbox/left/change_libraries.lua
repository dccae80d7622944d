-- options: --runs 2
-- expect: ok
-- result: "fresh"
local was = string.marker or "fresh"
string.marker, math.marker, table.marker = "used", "used", "used"
return was
