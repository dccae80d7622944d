-- expect: ok
-- result: {"a":2,"b":1,"c":3}
local n = {}
for w in ("a b c a c c"):gmatch("%a+") do n[w] = (n[w] or 0) + 1 end
return n
