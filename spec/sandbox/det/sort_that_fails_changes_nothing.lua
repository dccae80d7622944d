-- expect: ok
-- result: [false,3,1,"x",2]
local t = { 3, 1, "x", 2 }
local ok = pcall(table.sort, t)
return { ok, table.unpack(t) }
