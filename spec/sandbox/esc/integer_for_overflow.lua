-- expect: ok
-- result: [1,0]
local n, m = 0, 0
for i = math.maxinteger, math.maxinteger do n = n + 1 end
for i = math.maxinteger, math.mininteger do m = m + 1 end
return { n, m }
