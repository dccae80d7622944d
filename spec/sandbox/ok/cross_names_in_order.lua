-- expect: ok
-- result: "a,b,c,d"
local out = {}
for _, k in ipairs { "d", "b", "a", "c" } do out[#out + 1] = k end
table.sort(out)
return table.concat(out, ",")
