-- expect: ok
-- result: 1229
local composite, n = {}, 0
for i = 2, 10000 do
  if not composite[i] then
    n = n + 1
    for j = i * i, 10000, i do composite[j] = true end
  end
end
return n
