-- expect: ok
-- result: "1,2,3,4,5"
local t = { 5, 3, 1 }
table.insert(t, 2)
table.insert(t, 2, 4)
table.sort(t)
return table.concat(table.move(t, 1, #t, 1, {}), ",")
