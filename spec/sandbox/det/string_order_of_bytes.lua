-- expect: ok
-- result: "A Z a z \u00c4 \u00e4"
local t = { "z", "\u{e4}", "a", "Z", "\u{c4}", "A" }
table.sort(t)
return table.concat(t, " ")
