-- A normal program: searching a megabyte is switched, and is not too long.
-- expect: ok
-- result: [1000001,1000000,0,500000]
-- options: --slice 100000
local s = ("a "):rep(500000) .. "z"
local n = 0
for w in s:gmatch "%a+" do n = n + #w end
return { s:find("[z]"), #s:gsub("z", ""), select(2, s:gsub("zz", "y")), n - 1 }
