-- expect: memory
local keep = {}
pcall(table.sort, { 3, 2, 1 }, function(a, b) while true do keep[#keep + 1] = ("x"):rep(100000) .. #keep end end)
