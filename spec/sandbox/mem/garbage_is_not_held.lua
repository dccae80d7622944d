-- expect: ok
-- result: 200000
local n = 0
for i = 1, 200000 do local s = ("x"):rep(200) .. i; n = n + 1 end
return n
