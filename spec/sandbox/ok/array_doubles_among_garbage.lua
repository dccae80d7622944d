-- A block that grows needs room for what it grows by: 8 MB here, and after the
-- collection there are 16.
-- expect: ok
-- options: --instructions 100000000
-- result: 1000000
local t = {}
for i = 1, 1000000 do
  t[i] = {}
  if i > 150000 then t[i] = i end
end
return #t
