-- expect: ok
-- result: "A Z a z ä"
local t = { "z", "a", "ä", "A", "Z" }
table.sort(t)
return table.concat(t, " ")
